#!/bin/sh
# Home Assistant for its test, with what it needs to run without fetching anything, in a Python environment of its own: some
# 700 MB and some minutes.
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
# pip did not end within 20 minutes where uv takes two.
"$python" -m pip install -q uv
install() { "$dir/bin/uv" pip install -q --python "$python" --compile-bytecode "$@"; }
if [ -n "${HOME_ASSISTANT_VERSION:-}" ]; then
	install "homeassistant==$HOME_ASSISTANT_VERSION"
else
	install -r "$wanted"
	if [ ! -x "$dir/bin/hass" ]; then
		echo "$wanted names no version for $("$python" --version): set PYTHON or HOME_ASSISTANT_VERSION" >&2
		exit 1
	fi
fi
# What its parts need it installs when it starts; here it is not to.
"$python" tests/home_assistant/parts.py >"$dir/parts.txt"
install -r "$dir/parts.txt"
cp "$wanted" "$dir/installed"
echo "HOME_ASSISTANT=$dir/bin/hass"
