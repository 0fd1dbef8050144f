UPDATE keystone.endpoint SET url = REPLACE(url, '${seed_url_keystone}', '${url_keystone}');
UPDATE keystone.endpoint SET url = REPLACE(url, '${seed_url_placement}', '${url_placement}');
UPDATE keystone.endpoint SET url = REPLACE(url, '${seed_url_glance}', '${url_glance}');
UPDATE keystone.endpoint SET url = REPLACE(url, '${seed_url_neutron}', '${url_neutron}');
UPDATE keystone.endpoint SET url = REPLACE(url, '${seed_url_nova}', '${url_nova}');
UPDATE glance.image_locations SET value = REPLACE(value, '${seed_workspace}', '${workspace}');
UPDATE neutron.agents SET heartbeat_timestamp = UTC_TIMESTAMP();
