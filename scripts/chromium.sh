#!/bin/sh
# Installs Debian's Chromium, which the page's tests drive, unless a browser they know is there.
# Where it cannot be installed those tests are skipped, and the others run: that is no error.
for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
    [ -n "$name" ] && command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    wait="-o DPkg::Lock::Timeout=120"
    apt-get $wait update -qq && apt-get $wait install -y -qq --no-install-recommends chromium >/dev/null && exit 0
fi
echo "No Chromium is here, and Debian's cannot be installed (as root, by apt-get): the page's tests in a browser are skipped."
