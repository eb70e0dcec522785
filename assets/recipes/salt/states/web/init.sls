nginx-light:
  pkg.installed: []

{{ pillar['web']['root'] }}:
  file.directory:
    - mode: '0755'

{{ pillar['web']['root'] }}/index.html:
  file.managed:
    - contents: <h1>{{ pillar['qd']['app'] }} {{ pillar['qd']['version'] }}</h1>
    - mode: '0644'

/etc/nginx/conf.d/web.conf:
  file.managed:
    - source: salt://web/site.conf.jinja
    - template: jinja
    - require:
        - pkg: nginx-light

/etc/nginx/sites-enabled/default:
  file.absent:
    - require:
        - pkg: nginx-light

nginx:
  service.enabled:
    - require:
        - pkg: nginx-light
