# nginx with one site for the version that is baked.
package 'nginx-light'

directory node['web']['root'] do
  mode '0755'
end

file "#{node['web']['root']}/index.html" do
  content "<h1>#{node['qd']['app']} #{node['qd']['version']}</h1>\n"
  mode '0644'
end

template '/etc/nginx/conf.d/web.conf' do
  source 'site.conf.erb'
  variables(root: node['web']['root'])
  mode '0644'
end

file '/etc/nginx/sites-enabled/default' do
  action :delete
end

service 'nginx' do
  action :enable
end
