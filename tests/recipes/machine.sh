#!/bin/sh
# DIR: boots user data in a machine that is thrown away. It has this machine's files under a layer of its own, and its own processes, network, names
# and devices; cloud-init itself reads the user data and runs it. What it prints on its console is DIR/console.
#
# DIR/user-data is the builder's. DIR/checks is run in the machine when it has powered itself off, or has said how it ended. Then DIR/after, if it is
# there, and if DIR/second is there too, that is the user data of a second boot, with checks of its own in DIR/checks-second.
set -eu
dir=$1
top=$dir/top
mkdir -p "$top"
mount -t tmpfs -o mode=0755 none "$top"
mkdir "$top/upper" "$top/work" "$top/root"
root=$top/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$top/upper,workdir=$top/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
for place in run tmp var/tmp; do mount -t tmpfs none "$root/$place"; done
mount -t tmpfs -o mode=0755 none "$root/dev"
for device in null zero full random urandom; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm"
: >"$root/dev/console"
ip link set lo up
hostname throw-away

# There is no network, and nothing to wait for.
rm -rf "$root/etc/apt/sources.list.d"
mkdir "$root/etc/apt/sources.list.d"
: >"$root/etc/apt/sources.list"

# What a fresh builder has, and what must not be in its image.
mkdir -p "$root/etc/ssh" "$root/var/log/journal/old" "$root/home/admin"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
for kind in rsa ed25519; do echo "private" >"$root/etc/ssh/ssh_host_${kind}_key"; done
echo "secret words" >"$root/root/.bash_history"
echo "secret words" >"$root/var/log/auth.log"

# Nobody but this script sees that it would have powered off.
for program in shutdown poweroff; do
  rm -f "$root/usr/sbin/$program"
  printf '#!/bin/sh\necho "%s $*" >>/run/powered\n' "$program" >"$root/usr/sbin/$program"
  chmod 755 "$root/usr/sbin/$program"
done

# Cloud-init with the modules that user data of ours needs: nothing of this machine's disks, users or network is any of its business here.
rm -rf "$root/etc/cloud/cloud.cfg.d" "$root/var/lib/cloud"
cat >"$root/etc/cloud/cloud.cfg" <<'CONFIG'
datasource_list: [NoCloud]
network: {config: disabled}
cloud_init_modules: [write-files]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user, final-message]
CONFIG

boot() { # INSTANCE USER-DATA
  mkdir -p "$root/var/lib/cloud/seed/nocloud"
  cp "$2" "$root/var/lib/cloud/seed/nocloud/user-data"
  echo "instance-id: $1" >"$root/var/lib/cloud/seed/nocloud/meta-data"
  : >"$root/run/powered"
  for stage in "init --local" init "modules --mode=config" "modules --mode=final"; do
    # shellcheck disable=SC2086 # a stage is words
    chroot "$root" cloud-init $stage >>"$dir/cloud-init" 2>&1
  done
  turns=0
  while [ $turns -lt 1500 ] && ! grep -q ' done \(ok\|failed\)' "$root/dev/console"; do
    sleep 0.1
    turns=$((turns + 1))
  done
  turns=0
  while [ $turns -lt 30 ] && grep -q ' done ok' "$root/dev/console" && ! grep -q ' now$' "$root/run/powered"; do
    sleep 0.1
    turns=$((turns + 1))
  done
}

boot builder "$dir/user-data"
cp "$root/dev/console" "$dir/console"
cp "$root/run/powered" "$dir/powered"
chroot "$root" sh -x <"$dir/checks" >"$dir/checked" 2>&1 || echo "checks failed: $?" >>"$dir/checked"
if [ -e "$dir/second" ]; then
  chroot "$root" sh -x <"$dir/after" >"$dir/before-second" 2>&1
  : >"$root/dev/console"
  boot fresh "$dir/second"
  cp "$root/dev/console" "$dir/console-second"
fi
