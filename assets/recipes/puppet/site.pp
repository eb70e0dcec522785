class { 'web':
  root    => $facts['site_root'],
  app     => $facts['qd_app'],
  version => $facts['qd_version'],
}
