# PORT PATH STATUS BODY: asks until the answer passes; the time limit ends it.
qd_http() {
  command -v curl >/dev/null || qd_refuse "curl is not on the image: an http gate needs it"
  qd_address=$(hostname -I 2>/dev/null | cut -d ' ' -f 1)
  while :; do
    qd_status=$(curl -s -o "$QD_RUN/body" -w '%{http_code}' --max-time 5 "http://${qd_address:-127.0.0.1}:$1$2") || :
    if [ "$qd_status" = "$3" ] && { [ -z "$4" ] || grep -qF -e "$4" "$QD_RUN/body"; }; then
      rm -f "$QD_RUN/why"
      return
    fi
    qd_found="GET $2 on port $1 answered $qd_status"
    [ "$qd_status" != "$3" ] || qd_found="$qd_found without \"$4\" in its body"
    printf '%s\n' "$qd_found" | tee "$QD_RUN/why"
    sleep 2
  done
}
