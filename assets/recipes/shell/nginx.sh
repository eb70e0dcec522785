#!/bin/sh
# One site for the version that is baked, and nginx at every boot.
set -eux

mkdir -p "$SITE_ROOT"
echo "<h1>$QD_APP $QD_VERSION</h1>" >"$SITE_ROOT/index.html"

cat >/etc/nginx/sites-available/web <<SITE
server {
  listen 80 default_server;
  root $SITE_ROOT;
}
SITE
rm -f /etc/nginx/sites-enabled/default
ln -sf ../sites-available/web /etc/nginx/sites-enabled/web
systemctl enable nginx
