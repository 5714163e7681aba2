//! Clock segments (below).
