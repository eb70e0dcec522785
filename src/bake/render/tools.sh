qd_install() {
  if command -v apt-get >/dev/null; then
    apt-get -q update && apt-get -q -y --no-install-recommends install "$@"
  elif command -v dnf >/dev/null; then
    dnf -y install "$@"
  elif command -v yum >/dev/null; then
    yum -y install "$@"
  elif command -v zypper >/dev/null; then
    zypper --non-interactive install "$@"
  elif command -v apk >/dev/null; then
    apk add "$@"
  else
    qd_refuse "no package manager was found on the base image to install $*: bake from a base that has it"
  fi || qd_refuse "$* could not be installed: the log says why"
}

# TOOL PACKAGE...: the provisioner's tool, installed if it is missing and the recipe says from which packages.
qd_need() {
  qd_tool=$1
  shift
  command -v "$qd_tool" >/dev/null && return
  [ $# -gt 0 ] && qd_install "$@"
  command -v "$qd_tool" >/dev/null || qd_refuse "$qd_tool is not on the builder: name the packages that bring it in the provisioner's 'packages'"
}

# URL FILE
qd_download() {
  if command -v curl >/dev/null; then
    curl -fsSL --retry 3 --connect-timeout 20 -o "$2" "$1"
  elif command -v wget >/dev/null; then
    wget -q -t 3 -T 20 -O "$2" "$1"
  else
    qd_refuse "neither curl nor wget is on the builder: install one in the base image"
  fi || qd_refuse "$1 could not be downloaded: the log says why"
}

qd_power_off() {
  sync
  shutdown -P now || poweroff
}
