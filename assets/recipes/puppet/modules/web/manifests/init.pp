# nginx with one site for the version that is baked.
class web (
  String $root,
  String $app,
  String $version,
) {
  package { 'nginx-light':
    ensure => installed,
  }

  file { $root:
    ensure => directory,
    mode   => '0755',
  }

  file { "${root}/index.html":
    content => "<h1>${app} ${version}</h1>\n",
    mode    => '0644',
  }

  file { '/etc/nginx/conf.d/web.conf':
    content => epp('web/site.conf.epp', { 'root' => $root }),
    mode    => '0644',
    require => Package['nginx-light'],
  }

  file { '/etc/nginx/sites-enabled/default':
    ensure  => absent,
    require => Package['nginx-light'],
  }

  exec { 'nginx at boot':
    command => 'systemctl enable nginx',
    unless  => 'test -e /etc/systemd/system/multi-user.target.wants/nginx.service',
    path    => ['/usr/bin', '/bin'],
    require => Package['nginx-light'],
  }
}
