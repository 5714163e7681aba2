//! All tests of the program from outside that are not campaigns, linked once: a module for each subject, whose first
//! lines say what it shows.

mod support;

mod backup;
mod cli_output;
mod client_faults;
mod clock;
mod daemon;
mod daemon_gpio;
mod dashboard;
mod dashboard_files;
mod dashboard_prometheus;
mod delivery;
mod disk_faults;
mod export;
mod fake_influx_management;
mod fake_influx_store;
mod gas;
mod gpio;
mod import;
mod influx_contract;
mod influx_management_contract;
mod install;
mod integrations;
mod main_job;
mod money;
mod mqtt;
mod packages;
mod page;
mod prometheus;
mod register;
mod restart;
mod root;
mod settings;
mod setup;
mod simulated;
mod status;
mod tune;
mod victoria_metrics;
mod views;
mod views_healing;
mod web;
mod web_load;
mod web_readings;
mod welcome;
