# What must differ from server to server, or tells of the builder, is not part of an image.
seal() {
  set -e
  rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
  : >/etc/machine-id
  [ -L /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
  rm -f /var/lib/systemd/random-seed /etc/udev/rules.d/70-persistent-net.rules /root/.bash_history /home/*/.bash_history
  rm -f /var/lib/dhcp/*.leases /var/lib/NetworkManager/*.lease
  rm -rf /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data /var/lib/cloud/sem
  if command -v apt-get >/dev/null; then
    apt-get clean
    rm -rf /var/lib/apt/lists/*
  elif command -v dnf >/dev/null; then
    dnf -q clean all
  elif command -v yum >/dev/null; then
    yum -q clean all
  fi
  rm -rf /var/log/journal/* /run/log/journal/*
  find /var/log -xdev -type f \( -name '*.gz' -o -name '*.xz' -o -name '*.old' -o -name '*.[0-9]' \) -delete
  find /var/log -xdev -type f -exec sh -c 'for log; do : >"$log"; done' sh {} +
  find /tmp /var/tmp -xdev -mindepth 1 -delete
  rm -rf "$QD_DIR"
  left=$(find /etc/ssh -name 'ssh_host_*_key' 2>/dev/null)
  [ -z "$left" ] || qd_refuse "host keys are left on the builder: $left"
  sync
}
