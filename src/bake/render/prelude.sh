set -u
umask 022
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/puppetlabs/bin:/opt/chef/bin:/opt/cinc/bin:/opt/saltstack/salt:/snap/bin
HOME=/root LANG=C.UTF-8 LC_ALL=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive PYTHONUNBUFFERED=1
export PATH HOME LANG LC_ALL TERM DEBIAN_FRONTEND PYTHONUNBUFFERED

# Hundredths of a second since boot: a clock that is set during a bake does not matter.
qd_now() {
  read -r qd_up _ </proc/uptime
  echo $((${qd_up%.*} * 100 + 1${qd_up#*.} - 100))
}

qd_mark() {
  qd_number=$((qd_number + 1))
  qd_body="qd1 $QD_OPERATION $qd_number $(date +%s) $*"
  qd_sum=$(printf %s "$qd_body" | sha256sum)
  printf '@%s #%.8s\n' "$qd_body" "$qd_sum"
}

# Why a part cannot be done; its marker is printed when the part has ended.
qd_refuse() {
  printf 'qd: %s\n' "$*"
  printf '%s\n' "$*" >"$QD_RUN/why"
  exit 1
}

# PART SECONDS FUNCTION: runs the function in a process of its own, with a time limit, unless something has failed already.
qd_part() {
  if [ "$qd_outcome" != ok ]; then
    qd_mark end "$1" skipped - 0
    qd_parts="$qd_parts $1=skipped"
    return
  fi
  qd_mark begin "$1"
  rm -f "$QD_RUN/why"
  qd_began=$(qd_now)
  timeout -k 30 "$2" sh "$QD_DIR/run.sh" part "$3" </dev/null
  qd_exit=$?
  qd_took=$((($(qd_now) - qd_began) * 10))
  qd_result=ok
  if [ "$qd_exit" != 0 ]; then
    qd_outcome=failed
    qd_result=failed
    [ "$qd_took" -lt $(($2 * 1000)) ] || qd_result=timed-out
  fi
  [ -e "$QD_RUN/why" ] && qd_mark why "$1" "$(cat "$QD_RUN/why")"
  qd_mark end "$1" "$qd_result" "$qd_exit" "$qd_took"
  qd_parts="$qd_parts $1=$qd_result"
}

# Everything that is printed goes through one pipe, so that markers stand where they belong; what a provisioner leaves running may keep it open.
qd_listen() {
  mkdir -p "$QD_RUN"
  rm -f "$QD_RUN/pipe"
  mkfifo "$QD_RUN/pipe"
  qd_console=/dev/console
  (: >>"$qd_console") 2>/dev/null || qd_console=/dev/null
  tee "$QD_RUN/log" >>"$qd_console" <"$QD_RUN/pipe" &
  exec >"$QD_RUN/pipe" 2>&1
}

# Tells how all went, and waits until that has gone through the pipe.
qd_done() {
  qd_mark "done" "$qd_outcome$qd_parts"
  qd_turns=0
  while [ $qd_turns -lt 50 ] && ! grep -q "^@qd1 $QD_OPERATION $qd_number " "$QD_RUN/log"; do
    sleep 0.1
    qd_turns=$((qd_turns + 1))
  done
}

# Cloud-init must be over: it holds locks of the package manager, and writes what sealing removes.
qd_await_boot() {
  qd_turns=0
  while [ $qd_turns -lt 300 ] && [ ! -e /var/lib/cloud/instance/boot-finished ]; do
    sleep 1
    qd_turns=$((qd_turns + 1))
  done
}

# Nobody may be left to end this instance: it powers itself off when its time to live is over.
qd_limit_life() {
  shutdown -P "+$1" >/dev/null 2>&1 || (sleep $(($1 * 60)) && poweroff) >/dev/null 2>&1 &
}

# Cloud-init waits for what it runs, and this waits for cloud-init: it goes on as a unit of its own.
qd_start() {
  if command -v systemd-run >/dev/null && [ -d /run/systemd/system ]; then
    exec systemd-run --quiet --unit=qd-bake --property=KillMode=process sh "$QD_DIR/run.sh" run
  fi
  setsid sh "$QD_DIR/run.sh" run >/dev/null 2>&1 </dev/null &
}
