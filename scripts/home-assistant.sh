#!/bin/sh
# Home Assistant for its test, with what it needs to run without fetching anything: a Python environment, some 700 MB and some
# minutes, in which the newest version that this Python runs is installed.
#
# HOME_ASSISTANT_DIR      where (~/.cache/powerlogger/home-assistant)
# HOME_ASSISTANT_VERSION  another version than that of tests/home_assistant/requirements.txt
# PYTHON                  the Python to install it for (python3)
set -eu
cd "$(dirname "$0")/.."
dir=${HOME_ASSISTANT_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/powerlogger/home-assistant}
wanted=tests/home_assistant/requirements.txt

"${PYTHON:-python3}" -m venv --clear "$dir"
python=$dir/bin/python3
# pip needs an hour for what uv does in two minutes.
"$python" -m pip install -q uv
install() { "$dir/bin/uv" pip install -q --python "$python" --compile-bytecode "$@"; }
if [ -n "${HOME_ASSISTANT_VERSION:-}" ]; then
	install "homeassistant==$HOME_ASSISTANT_VERSION"
else
	install -r "$wanted"
fi
# What its parts need it installs when it starts; here it is not to.
"$python" tests/home_assistant/parts.py >"$dir/parts.txt"
install -r "$dir/parts.txt"
cp "$wanted" "$dir/installed"
echo "HOME_ASSISTANT=$dir/bin/hass"
