# Every kernel and package, compressed, in numbered lines with a sum each: what changed from image to image is told by it.
qd_packages() {
  {
    for qd_kernel in /lib/modules/*; do
      [ ! -d "$qd_kernel" ] || echo "= ${qd_kernel##*/}"
    done
    if command -v dpkg-query >/dev/null; then
      dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' | sed -n 's/^installed //p'
    elif command -v rpm >/dev/null; then
      rpm -qa --qf '%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE}\n'
    fi
  } | sort | gzip -9 | base64 -w 160 >"$QD_RUN/packages"
  qd_of=$(wc -l <"$QD_RUN/packages")
  qd_nth=0
  while read -r qd_chunk; do
    qd_nth=$((qd_nth + 1))
    qd_body="qdp1 $QD_OPERATION $qd_nth/$qd_of $qd_chunk"
    qd_sum=$(printf %s "$qd_body" | sha256sum)
    printf '@%s #%.8s\n' "$qd_body" "$qd_sum"
  done <"$QD_RUN/packages"
}

# What must differ from server to server, or tells of the builder, is not part of an image.
seal() {
  set -e
  qd_packages || echo 'qd: no package list'
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
