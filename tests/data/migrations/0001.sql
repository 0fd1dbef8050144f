-- A database of the first released schema, as its own code wrote it: rows in every table and every state.
-- `pragma user_version` is not part of a dump: it stands at the end.
BEGIN TRANSACTION;
CREATE TABLE builds (
    id text primary key,
    buildset_id text not null references buildsets,
    job_name text not null,
    job text not null,          -- JSON of ci.model.job.FrozenJob
    state text not null check (state in ('waiting', 'starting', 'running', 'ended')),
    attempt integer not null default 1,
    result text,
    error text not null default '',
    failed_tests text not null default '[]',
    counts text,
    pid integer,
    pid_start_time integer,
    cancel_reason text,
    created_at real not null,
    started_at real,
    ended_at real,
    unique (buildset_id, job_name)
) strict;
INSERT INTO "builds" VALUES('a1100000000000000000000000000000','a1ffffffffffffffffffffffffffffff','nova-in-tree','{"name":"nova-in-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','ended',1,'FAILURE','1 of 200 tests failed','[{"name":"tempest.api.compute.Servers.test_list","idempotent_id":"585e934c-448e-43c4-acbf-d06a9b899997","reason":"500 != 200"}]','{"passed":200,"failed":1,"skipped":3}',4711,99,NULL,1509709100.0,1509709110.0,1509712100.0);
INSERT INTO "builds" VALUES('a1200000000000000000000000000000','a1ffffffffffffffffffffffffffffff','nova-out-of-tree','{"name":"nova-out-of-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','ended',1,'SUCCESS','','[]','{"passed":1200,"failed":0,"skipped":80}',4711,99,NULL,1509709100.0,1509709110.0,1509712100.0);
INSERT INTO "builds" VALUES('b0100000000000000000000000000000','b0ffffffffffffffffffffffffffffff','nova-in-tree','{"name":"nova-in-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','ended',1,'TIMED_OUT','as TIMED_OUT','[]',NULL,NULL,NULL,NULL,1509709100.0,1509712100.0,1509712100.0);
INSERT INTO "builds" VALUES('b1100000000000000000000000000000','b1ffffffffffffffffffffffffffffff','nova-in-tree','{"name":"nova-in-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','ended',1,'POST_FAILURE','as POST_FAILURE','[]',NULL,NULL,NULL,NULL,1509709100.0,1509712100.0,1509712100.0);
INSERT INTO "builds" VALUES('b2100000000000000000000000000000','b2ffffffffffffffffffffffffffffff','nova-in-tree','{"name":"nova-in-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','ended',1,'RETRY_LIMIT','as RETRY_LIMIT','[]',NULL,NULL,NULL,NULL,1509709100.0,1509712100.0,1509712100.0);
INSERT INTO "builds" VALUES('b3100000000000000000000000000000','b3ffffffffffffffffffffffffffffff','nova-in-tree','{"name":"nova-in-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','ended',1,'NODE_FAILURE','as NODE_FAILURE','[]',NULL,NULL,NULL,NULL,1509709100.0,1509712100.0,1509712100.0);
INSERT INTO "builds" VALUES('b4100000000000000000000000000000','b4ffffffffffffffffffffffffffffff','nova-in-tree','{"name":"nova-in-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','ended',1,'MERGE_CONFLICT','as MERGE_CONFLICT','[]',NULL,NULL,NULL,NULL,1509709100.0,1509712100.0,1509712100.0);
INSERT INTO "builds" VALUES('b5100000000000000000000000000000','b5ffffffffffffffffffffffffffffff','nova-in-tree','{"name":"nova-in-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','ended',1,'CANCELED','as CANCELED','[]',NULL,NULL,NULL,NULL,1509709100.0,1509712100.0,1509712100.0);
INSERT INTO "builds" VALUES('b6100000000000000000000000000000','b6ffffffffffffffffffffffffffffff','nova-in-tree','{"name":"nova-in-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','ended',1,'SKIPPED','as SKIPPED','[]',NULL,NULL,NULL,NULL,1509709100.0,1509712100.0,1509712100.0);
INSERT INTO "builds" VALUES('b7100000000000000000000000000000','b7ffffffffffffffffffffffffffffff','nova-in-tree','{"name":"nova-in-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','ended',1,'ERROR','as ERROR','[]',NULL,NULL,NULL,NULL,1509709100.0,1509712100.0,1509712100.0);
INSERT INTO "builds" VALUES('c1100000000000000000000000000000','c1ffffffffffffffffffffffffffffff','nova-in-tree','{"name":"nova-in-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','running',1,NULL,'','[]',NULL,4711,99,NULL,1509709100.0,1509713100.0,NULL);
INSERT INTO "builds" VALUES('c1200000000000000000000000000000','c1ffffffffffffffffffffffffffffff','nova-out-of-tree','{"name":"nova-out-of-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','waiting',1,NULL,'','[]',NULL,NULL,NULL,NULL,1509709100.0,NULL,NULL);
INSERT INTO "builds" VALUES('d1100000000000000000000000000000','d1ffffffffffffffffffffffffffffff','nova-in-tree','{"name":"nova-in-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','starting',1,NULL,'','[]',NULL,NULL,NULL,NULL,1509709100.0,1509713100.0,NULL);
INSERT INTO "builds" VALUES('d1200000000000000000000000000000','d1ffffffffffffffffffffffffffffff','nova-out-of-tree','{"name":"nova-out-of-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','waiting',1,NULL,'','[]',NULL,NULL,NULL,NULL,1509709100.0,NULL,NULL);
INSERT INTO "builds" VALUES('e1100000000000000000000000000000','e1ffffffffffffffffffffffffffffff','nova-in-tree','{"name":"nova-in-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','running',1,NULL,'','[]',NULL,4711,99,'a newer patch set came',1509709100.0,1509713100.0,NULL);
INSERT INTO "builds" VALUES('e1200000000000000000000000000000','e1ffffffffffffffffffffffffffffff','nova-out-of-tree','{"name":"nova-out-of-tree","pre_run":[],"run":["playbooks/run.yaml"],"post_run":[],"cleanup_run":[],"nodeset":{"nodes":[{"name":"node0","label":"powervm"}],"groups":[]},"variables":{},"timeout_seconds":10800,"post_timeout_seconds":1800,"attempts":3,"voting":true,"required_projects":[],"semaphores":[],"definitions":[]}','waiting',2,NULL,'node unreachable','[]',NULL,NULL,NULL,NULL,1509709100.0,NULL,NULL);
CREATE TABLE buildsets (
    id text primary key,
    event_id integer references events,
    pipeline text not null,
    connection text not null,
    project text not null,
    change_number integer not null,
    patchset integer not null,
    change text not null,       -- JSON of ci.model.change.Change
    state text not null check (state in ('running', 'ended')),
    result text,
    created_at real not null,
    ended_at real
) strict;
INSERT INTO "buildsets" VALUES('a1ffffffffffffffffffffffffffffff',1,'check','opendev','openstack/nova',520001,2,'{"connection":"opendev","project":"openstack/nova","branch":"master","number":520001,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/01/520001/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]}','ended','FAILURE',1509709100.0,1509712100.0);
INSERT INTO "buildsets" VALUES('b0ffffffffffffffffffffffffffffff',NULL,'check','opendev','openstack/nova',520100,2,'{"connection":"opendev","project":"openstack/nova","branch":"master","number":520100,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/00/520100/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]}','ended','TIMED_OUT',1509709100.0,1509712100.0);
INSERT INTO "buildsets" VALUES('b1ffffffffffffffffffffffffffffff',NULL,'check','opendev','openstack/nova',520101,2,'{"connection":"opendev","project":"openstack/nova","branch":"master","number":520101,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/01/520101/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]}','ended','POST_FAILURE',1509709100.0,1509712101.0);
INSERT INTO "buildsets" VALUES('b2ffffffffffffffffffffffffffffff',NULL,'check','opendev','openstack/nova',520102,2,'{"connection":"opendev","project":"openstack/nova","branch":"master","number":520102,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/02/520102/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]}','ended','RETRY_LIMIT',1509709100.0,1509712102.0);
INSERT INTO "buildsets" VALUES('b3ffffffffffffffffffffffffffffff',NULL,'check','opendev','openstack/nova',520103,2,'{"connection":"opendev","project":"openstack/nova","branch":"master","number":520103,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/03/520103/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]}','ended','NODE_FAILURE',1509709100.0,1509712103.0);
INSERT INTO "buildsets" VALUES('b4ffffffffffffffffffffffffffffff',NULL,'check','opendev','openstack/nova',520104,2,'{"connection":"opendev","project":"openstack/nova","branch":"master","number":520104,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/04/520104/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]}','ended','MERGE_CONFLICT',1509709100.0,1509712104.0);
INSERT INTO "buildsets" VALUES('b5ffffffffffffffffffffffffffffff',NULL,'check','opendev','openstack/nova',520105,2,'{"connection":"opendev","project":"openstack/nova","branch":"master","number":520105,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/05/520105/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]}','ended','CANCELED',1509709100.0,1509712105.0);
INSERT INTO "buildsets" VALUES('b6ffffffffffffffffffffffffffffff',NULL,'check','opendev','openstack/nova',520106,2,'{"connection":"opendev","project":"openstack/nova","branch":"master","number":520106,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/06/520106/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]}','ended','SKIPPED',1509709100.0,1509712106.0);
INSERT INTO "buildsets" VALUES('b7ffffffffffffffffffffffffffffff',NULL,'check','opendev','openstack/nova',520107,2,'{"connection":"opendev","project":"openstack/nova","branch":"master","number":520107,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/07/520107/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]}','ended','ERROR',1509709100.0,1509712107.0);
INSERT INTO "buildsets" VALUES('c1ffffffffffffffffffffffffffffff',2,'check','opendev','openstack/nova',520002,2,'{"connection":"opendev","project":"openstack/nova","branch":"master","number":520002,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/02/520002/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]}','running',NULL,1509709100.0,NULL);
INSERT INTO "buildsets" VALUES('d1ffffffffffffffffffffffffffffff',3,'check','opendev','openstack/nova',520003,2,'{"connection":"opendev","project":"openstack/nova","branch":"master","number":520003,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/03/520003/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]}','running',NULL,1509709100.0,NULL);
INSERT INTO "buildsets" VALUES('e1ffffffffffffffffffffffffffffff',NULL,'check','opendev','openstack/nova',520004,2,'{"connection":"opendev","project":"openstack/nova","branch":"master","number":520004,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/04/520004/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]}','running',NULL,1509709100.0,NULL);
CREATE TABLE connections (
    name text primary key,
    state text not null check (state in ('connecting', 'connected', 'down', 'alarm')),
    reason text not null default '',
    since real not null,
    last_event_at real
) strict;
INSERT INTO "connections" VALUES('opendev','connected','',1509700000.0,1509710000.0);
INSERT INTO "connections" VALUES('vendor','down','',1509700000.0,NULL);
INSERT INTO "connections" VALUES('lab','connecting','',1509700000.0,NULL);
INSERT INTO "connections" VALUES('old','alarm','host key changed',1509700000.0,NULL);
CREATE TABLE events (
    id integer primary key,
    connection text not null,
    natural_key text not null,
    type text not null,
    created_at integer not null,
    received_at real not null,
    record text not null,       -- JSON of ci.model.event.Event
    state text not null default 'new' check (state in ('new', 'done')),
    retry_at real not null default 0,
    outcome text not null default '',
    unique (connection, natural_key)
) strict;
INSERT INTO "events" VALUES(1,'opendev','key-1','patchset-created',1480000000,1509709001.0,'{"connection":"opendev","type":"patchset-created","type_name":"patchset-created","natural_key":"key-1","created_at":1480000000,"change":{"connection":"opendev","project":"openstack/nova","branch":"master","number":520001,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/01/520001/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]},"author":{"username":"dev","name":"A Developer","email":"dev@example.org"},"comment":"","approvals":[],"pipeline":null,"raw":"{\"type\":\"x\"}"}','done',0.0,'started nova-in-tree in check');
INSERT INTO "events" VALUES(2,'opendev','key-2','comment-added',1480000000,1509709002.0,'{"connection":"opendev","type":"comment-added","type_name":"comment-added","natural_key":"key-2","created_at":1480000000,"change":{"connection":"opendev","project":"openstack/nova","branch":"master","number":520002,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/02/520002/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]},"author":{"username":"dev","name":"A Developer","email":"dev@example.org"},"comment":"recheck","approvals":[],"pipeline":null,"raw":"{\"type\":\"x\"}"}','new',0.0,'');
INSERT INTO "events" VALUES(3,'opendev','key-3','change-abandoned',1480000000,1509709003.0,'{"connection":"opendev","type":"change-abandoned","type_name":"change-abandoned","natural_key":"key-3","created_at":1480000000,"change":{"connection":"opendev","project":"openstack/nova","branch":"master","number":520003,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/03/520003/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]},"author":{"username":"dev","name":"A Developer","email":"dev@example.org"},"comment":"","approvals":[],"pipeline":null,"raw":"{\"type\":\"x\"}"}','done',0.0,'started nova-in-tree in check');
INSERT INTO "events" VALUES(4,'opendev','key-4','change-restored',1480000000,1509709004.0,'{"connection":"opendev","type":"change-restored","type_name":"change-restored","natural_key":"key-4","created_at":1480000000,"change":{"connection":"opendev","project":"openstack/nova","branch":"master","number":520004,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/04/520004/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]},"author":{"username":"dev","name":"A Developer","email":"dev@example.org"},"comment":"","approvals":[],"pipeline":null,"raw":"{\"type\":\"x\"}"}','new',1509709900.0,'no route to host');
INSERT INTO "events" VALUES(5,'opendev','key-5','enqueue',1480000000,1509709005.0,'{"connection":"opendev","type":"enqueue","type_name":"enqueue","natural_key":"key-5","created_at":1480000000,"change":{"connection":"opendev","project":"openstack/nova","branch":"master","number":520005,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/05/520005/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]},"author":{"username":"dev","name":"A Developer","email":"dev@example.org"},"comment":"","approvals":[],"pipeline":"check","raw":"{\"type\":\"x\"}"}','new',0.0,'');
INSERT INTO "events" VALUES(6,'opendev','key-6','dequeue',1480000000,1509709006.0,'{"connection":"opendev","type":"dequeue","type_name":"dequeue","natural_key":"key-6","created_at":1480000000,"change":{"connection":"opendev","project":"openstack/nova","branch":"master","number":520006,"patchset":2,"revision":"1234567890123456789012345678901234567890","ref":"refs/changes/06/520006/2","subject":"Fix it","url":"https://review.example.org/4711","topic":null,"message":"","owner":{"username":"dev","name":"A Developer","email":"dev@example.org"},"status":"NEW","is_current":true,"wip":false,"private":false,"files":["nova/compute/manager.py"],"approvals":[]},"author":{"username":"dev","name":"A Developer","email":"dev@example.org"},"comment":"","approvals":[],"pipeline":"check","raw":"{\"type\":\"x\"}"}','new',0.0,'');
CREATE TABLE leases (
    node_id text primary key,
    node text not null,         -- JSON of ci.model.node.Node
    build_id text not null,
    request_name text not null, -- the node's name in the job's nodeset
    position integer not null,  -- its place in the nodeset
    leased_at real not null
) strict;
INSERT INTO "leases" VALUES('static/127.0.0.2/0','{"name":"127.0.0.2","provider":"static","labels":["powervm"],"username":"root","port":22,"host_keys":["ssh-ed25519 AAAA"],"python_path":"auto","slot":0}','c1100000000000000000000000000000','node0',0,1509713100.0);
INSERT INTO "leases" VALUES('static/127.0.0.3/0','{"name":"127.0.0.3","provider":"static","labels":["powervm"],"username":"root","port":22,"host_keys":["ssh-ed25519 AAAA"],"python_path":"auto","slot":0}','d1100000000000000000000000000000','node0',0,1509713100.0);
INSERT INTO "leases" VALUES('static/127.0.0.4/0','{"name":"127.0.0.4","provider":"static","labels":["powervm"],"username":"root","port":22,"host_keys":["ssh-ed25519 AAAA"],"python_path":"auto","slot":0}','e1100000000000000000000000000000','node0',0,1509713100.0);
INSERT INTO "leases" VALUES('static/127.0.0.6/0','{"name":"127.0.0.6","provider":"static","labels":["powervm"],"username":"root","port":22,"host_keys":["ssh-ed25519 AAAA"],"python_path":"auto","slot":0}','run-4242-17','node0',0,1509709100.0);
CREATE TABLE reviews (
    id integer primary key,
    buildset_id text not null references buildsets,
    kind text not null check (kind in ('start', 'result')),
    connection text not null,
    record text not null,       -- JSON of ci.model.vote.Review
    state text not null default 'pending' check (state in ('pending', 'sending', 'sent', 'dropped')),
    attempts integer not null default 0,
    retry_at real not null default 0,
    note text not null default '',
    created_at real not null,
    sent_at real,
    unique (buildset_id, kind)
) strict;
INSERT INTO "reviews" VALUES(1,'a1ffffffffffffffffffffffffffffff','start','opendev','{"connection":"opendev","project":"openstack/nova","number":520001,"patchset":2,"message":"Build ended","marker":"a1ffffffffffffffffffffffffffffff","labels":{},"tag":"autogenerated:zuul:check","notify":null}','sent',1,0.0,'',1509709100.0,1509709101.0);
INSERT INTO "reviews" VALUES(2,'a1ffffffffffffffffffffffffffffff','result','opendev','{"connection":"opendev","project":"openstack/nova","number":520001,"patchset":2,"message":"Build ended","marker":"a1ffffffffffffffffffffffffffffff","labels":{"Verified":-1},"tag":"autogenerated:zuul:check","notify":null}','sent',1,0.0,'',1509712100.0,1509712101.0);
INSERT INTO "reviews" VALUES(3,'b0ffffffffffffffffffffffffffffff','result','opendev','{"connection":"opendev","project":"openstack/nova","number":520100,"patchset":2,"message":"Build ended","marker":"b0ffffffffffffffffffffffffffffff","labels":{},"tag":"autogenerated:zuul:check","notify":null}','dropped',1,0.0,'a newer patch set is current',1509712100.0,NULL);
INSERT INTO "reviews" VALUES(4,'b1ffffffffffffffffffffffffffffff','result','opendev','{"connection":"opendev","project":"openstack/nova","number":520101,"patchset":2,"message":"Build ended","marker":"b1ffffffffffffffffffffffffffffff","labels":{},"tag":"autogenerated:zuul:check","notify":null}','sending',1,0.0,'',1509712101.0,NULL);
INSERT INTO "reviews" VALUES(5,'b2ffffffffffffffffffffffffffffff','result','opendev','{"connection":"opendev","project":"openstack/nova","number":520102,"patchset":2,"message":"Build ended","marker":"b2ffffffffffffffffffffffffffffff","labels":{},"tag":"autogenerated:zuul:check","notify":null}','pending',1,1509718100.0,'no route',1509712102.0,NULL);
INSERT INTO "reviews" VALUES(6,'b3ffffffffffffffffffffffffffffff','result','opendev','{"connection":"opendev","project":"openstack/nova","number":520103,"patchset":2,"message":"Build ended","marker":"b3ffffffffffffffffffffffffffffff","labels":{},"tag":"autogenerated:zuul:check","notify":null}','pending',0,0.0,'',1509712103.0,NULL);
INSERT INTO "reviews" VALUES(7,'b4ffffffffffffffffffffffffffffff','result','opendev','{"connection":"opendev","project":"openstack/nova","number":520104,"patchset":2,"message":"Build ended","marker":"b4ffffffffffffffffffffffffffffff","labels":{},"tag":"autogenerated:zuul:check","notify":null}','sent',1,0.0,'found in Gerrit after an interruption',1509712104.0,1509712110.0);
INSERT INTO "reviews" VALUES(8,'b5ffffffffffffffffffffffffffffff','result','opendev','{"connection":"opendev","project":"openstack/nova","number":520105,"patchset":2,"message":"Build ended","marker":"b5ffffffffffffffffffffffffffffff","labels":{},"tag":"autogenerated:zuul:check","notify":null}','sent',1,0.0,'found in Gerrit after an interruption',1509712105.0,1509712110.0);
INSERT INTO "reviews" VALUES(9,'b6ffffffffffffffffffffffffffffff','result','opendev','{"connection":"opendev","project":"openstack/nova","number":520106,"patchset":2,"message":"Build ended","marker":"b6ffffffffffffffffffffffffffffff","labels":{},"tag":"autogenerated:zuul:check","notify":null}','sent',1,0.0,'found in Gerrit after an interruption',1509712106.0,1509712110.0);
INSERT INTO "reviews" VALUES(10,'b7ffffffffffffffffffffffffffffff','result','opendev','{"connection":"opendev","project":"openstack/nova","number":520107,"patchset":2,"message":"Build ended","marker":"b7ffffffffffffffffffffffffffffff","labels":{},"tag":"autogenerated:zuul:check","notify":null}','sent',1,0.0,'found in Gerrit after an interruption',1509712107.0,1509712110.0);
CREATE TABLE task_events (
    build_id text not null references builds,
    attempt integer not null,
    position integer not null,
    record text not null,       -- JSON as the build's process wrote it
    primary key (build_id, attempt, position)
) strict, without rowid;
INSERT INTO "task_events" VALUES('a1100000000000000000000000000000',1,0,'{"task":"Install nova","status":"ok"}');
INSERT INTO "task_events" VALUES('a1100000000000000000000000000000',1,1,'{"task":"Run tempest","status":"failed"}');
CREATE TABLE transitions (
    id integer primary key,
    at real not null,
    noun text not null,
    noun_id text not null,
    from_state text not null,
    to_state text not null,
    reason text not null default ''
) strict;
INSERT INTO "transitions" VALUES(1,1509709100.0,'buildset','a1ffffffffffffffffffffffffffffff','','running','');
INSERT INTO "transitions" VALUES(2,1509709100.0,'build','a1100000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(3,1509709100.0,'build','a1200000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(4,1509709110.0,'build','a1100000000000000000000000000000','waiting','starting','');
INSERT INTO "transitions" VALUES(5,1509709120.0,'build','a1100000000000000000000000000000','starting','running','pid 4711');
INSERT INTO "transitions" VALUES(6,1509709110.0,'build','a1200000000000000000000000000000','waiting','starting','');
INSERT INTO "transitions" VALUES(7,1509709120.0,'build','a1200000000000000000000000000000','starting','running','pid 4711');
INSERT INTO "transitions" VALUES(8,1509712100.0,'build','a1100000000000000000000000000000','running','ended','FAILURE 1 of 200 tests failed');
INSERT INTO "transitions" VALUES(9,1509712100.0,'build','a1200000000000000000000000000000','running','ended','SUCCESS');
INSERT INTO "transitions" VALUES(10,1509712100.0,'buildset','a1ffffffffffffffffffffffffffffff','running','ended','all builds ended');
INSERT INTO "transitions" VALUES(11,1509709100.0,'review','1','pending','sending','');
INSERT INTO "transitions" VALUES(12,1509709101.0,'review','1','sending','sent','');
INSERT INTO "transitions" VALUES(13,1509709100.0,'review','2','pending','sending','');
INSERT INTO "transitions" VALUES(14,1509712101.0,'review','2','sending','sent','');
INSERT INTO "transitions" VALUES(15,1509709100.0,'buildset','b0ffffffffffffffffffffffffffffff','','running','');
INSERT INTO "transitions" VALUES(16,1509709100.0,'build','b0100000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(17,1509712100.0,'build','b0100000000000000000000000000000','waiting','ended','TIMED_OUT as TIMED_OUT');
INSERT INTO "transitions" VALUES(18,1509712100.0,'buildset','b0ffffffffffffffffffffffffffffff','running','ended','all builds ended');
INSERT INTO "transitions" VALUES(19,1509709100.0,'review','3','pending','sending','');
INSERT INTO "transitions" VALUES(20,1509709100.0,'review','3','sending','dropped','a newer patch set is current');
INSERT INTO "transitions" VALUES(21,1509709100.0,'buildset','b1ffffffffffffffffffffffffffffff','','running','');
INSERT INTO "transitions" VALUES(22,1509709100.0,'build','b1100000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(23,1509712100.0,'build','b1100000000000000000000000000000','waiting','ended','POST_FAILURE as POST_FAILURE');
INSERT INTO "transitions" VALUES(24,1509712101.0,'buildset','b1ffffffffffffffffffffffffffffff','running','ended','all builds ended');
INSERT INTO "transitions" VALUES(25,1509709100.0,'review','4','pending','sending','');
INSERT INTO "transitions" VALUES(26,1509709100.0,'buildset','b2ffffffffffffffffffffffffffffff','','running','');
INSERT INTO "transitions" VALUES(27,1509709100.0,'build','b2100000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(28,1509712100.0,'build','b2100000000000000000000000000000','waiting','ended','RETRY_LIMIT as RETRY_LIMIT');
INSERT INTO "transitions" VALUES(29,1509712102.0,'buildset','b2ffffffffffffffffffffffffffffff','running','ended','all builds ended');
INSERT INTO "transitions" VALUES(30,1509709100.0,'review','5','pending','sending','');
INSERT INTO "transitions" VALUES(31,1509709100.0,'review','5','sending','pending','no route');
INSERT INTO "transitions" VALUES(32,1509709100.0,'buildset','b3ffffffffffffffffffffffffffffff','','running','');
INSERT INTO "transitions" VALUES(33,1509709100.0,'build','b3100000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(34,1509712100.0,'build','b3100000000000000000000000000000','waiting','ended','NODE_FAILURE as NODE_FAILURE');
INSERT INTO "transitions" VALUES(35,1509712103.0,'buildset','b3ffffffffffffffffffffffffffffff','running','ended','all builds ended');
INSERT INTO "transitions" VALUES(36,1509709100.0,'buildset','b4ffffffffffffffffffffffffffffff','','running','');
INSERT INTO "transitions" VALUES(37,1509709100.0,'build','b4100000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(38,1509712100.0,'build','b4100000000000000000000000000000','waiting','ended','MERGE_CONFLICT as MERGE_CONFLICT');
INSERT INTO "transitions" VALUES(39,1509712104.0,'buildset','b4ffffffffffffffffffffffffffffff','running','ended','all builds ended');
INSERT INTO "transitions" VALUES(40,1509709100.0,'review','7','pending','sending','');
INSERT INTO "transitions" VALUES(41,1509712110.0,'review','7','sending','sent','found in Gerrit after an interruption');
INSERT INTO "transitions" VALUES(42,1509709100.0,'buildset','b5ffffffffffffffffffffffffffffff','','running','');
INSERT INTO "transitions" VALUES(43,1509709100.0,'build','b5100000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(44,1509712100.0,'build','b5100000000000000000000000000000','waiting','ended','CANCELED as CANCELED');
INSERT INTO "transitions" VALUES(45,1509712105.0,'buildset','b5ffffffffffffffffffffffffffffff','running','ended','all builds ended');
INSERT INTO "transitions" VALUES(46,1509709100.0,'review','8','pending','sending','');
INSERT INTO "transitions" VALUES(47,1509712110.0,'review','8','sending','sent','found in Gerrit after an interruption');
INSERT INTO "transitions" VALUES(48,1509709100.0,'buildset','b6ffffffffffffffffffffffffffffff','','running','');
INSERT INTO "transitions" VALUES(49,1509709100.0,'build','b6100000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(50,1509712100.0,'build','b6100000000000000000000000000000','waiting','ended','SKIPPED as SKIPPED');
INSERT INTO "transitions" VALUES(51,1509712106.0,'buildset','b6ffffffffffffffffffffffffffffff','running','ended','all builds ended');
INSERT INTO "transitions" VALUES(52,1509709100.0,'review','9','pending','sending','');
INSERT INTO "transitions" VALUES(53,1509712110.0,'review','9','sending','sent','found in Gerrit after an interruption');
INSERT INTO "transitions" VALUES(54,1509709100.0,'buildset','b7ffffffffffffffffffffffffffffff','','running','');
INSERT INTO "transitions" VALUES(55,1509709100.0,'build','b7100000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(56,1509712100.0,'build','b7100000000000000000000000000000','waiting','ended','ERROR as ERROR');
INSERT INTO "transitions" VALUES(57,1509712107.0,'buildset','b7ffffffffffffffffffffffffffffff','running','ended','all builds ended');
INSERT INTO "transitions" VALUES(58,1509709100.0,'review','10','pending','sending','');
INSERT INTO "transitions" VALUES(59,1509712110.0,'review','10','sending','sent','found in Gerrit after an interruption');
INSERT INTO "transitions" VALUES(60,1509709100.0,'buildset','c1ffffffffffffffffffffffffffffff','','running','');
INSERT INTO "transitions" VALUES(61,1509709100.0,'build','c1100000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(62,1509709100.0,'build','c1200000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(63,1509713100.0,'build','c1100000000000000000000000000000','waiting','starting','');
INSERT INTO "transitions" VALUES(64,1509713110.0,'build','c1100000000000000000000000000000','starting','running','pid 4711');
INSERT INTO "transitions" VALUES(65,1509709100.0,'buildset','d1ffffffffffffffffffffffffffffff','','running','');
INSERT INTO "transitions" VALUES(66,1509709100.0,'build','d1100000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(67,1509709100.0,'build','d1200000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(68,1509713100.0,'build','d1100000000000000000000000000000','waiting','starting','');
INSERT INTO "transitions" VALUES(69,1509709100.0,'buildset','e1ffffffffffffffffffffffffffffff','','running','');
INSERT INTO "transitions" VALUES(70,1509709100.0,'build','e1100000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(71,1509709100.0,'build','e1200000000000000000000000000000','','waiting','');
INSERT INTO "transitions" VALUES(72,1509713100.0,'build','e1100000000000000000000000000000','waiting','starting','');
INSERT INTO "transitions" VALUES(73,1509713110.0,'build','e1100000000000000000000000000000','starting','running','pid 4711');
INSERT INTO "transitions" VALUES(74,1509713100.0,'build','e1200000000000000000000000000000','waiting','starting','');
INSERT INTO "transitions" VALUES(75,1509713110.0,'build','e1200000000000000000000000000000','starting','running','pid 4711');
INSERT INTO "transitions" VALUES(76,1509713600.0,'build','e1200000000000000000000000000000','running','waiting','node unreachable');
CREATE INDEX events_new on events (id) where state = 'new';
CREATE UNIQUE INDEX buildsets_running on buildsets (pipeline, connection, change_number, patchset)
where state = 'running';
CREATE INDEX buildsets_created on buildsets (created_at);
CREATE INDEX buildsets_ended on buildsets (ended_at) where state = 'ended';
CREATE INDEX builds_open on builds (created_at) where state <> 'ended';
CREATE INDEX builds_created on builds (created_at);
CREATE INDEX builds_with_failed_tests on builds (ended_at) where failed_tests <> '[]';
CREATE INDEX leases_build on leases (build_id);
CREATE INDEX reviews_open on reviews (id) where state in ('pending', 'sending');
CREATE INDEX transitions_noun on transitions (noun_id, id);
COMMIT;
pragma user_version = 1;
