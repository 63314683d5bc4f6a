-- settings, zones, frames, and what a role that only reads is refused
select timestamptz '2026-07-01 12:00:00+00' at time zone 'Europe/Berlin'
select timestamptz '2026-01-01 12:00:00+00' at time zone 'America/New_York'
select timestamp '2026-07-01 12:00:00' at time zone 'America/Los_Angeles'
select now() at time zone 'nosuch/zone'
select timestamptz '2026-07-01 12:00:00+00' at time zone 'Asia/Tokyo', timestamptz '2026-07-01 12:00:00+00' at time zone 'EST5EDT', timestamptz '2026-07-01 12:00:00+00' at time zone 'PST'
set time zone 'America/Chicago'; show timezone
set timezone = 'utc'; show timezone
set timezone to default; show timezone
set timezone = 'bogus/zone'
select (date '2026-01-01', date '2026-02-01') overlaps (date '2026-01-15', date '2026-03-01')
select (timestamp '2026-01-01', interval '10 days') overlaps (timestamp '2026-01-15', interval '1 day'), (date '2026-01-01', date '2026-01-01') overlaps (date '2026-01-01', date '2026-01-02')
select (time '10:00', time '11:00') overlaps (time '11:00', time '12:00')
select id, sum(cents) over (order by id range between 10 preceding and 10 following) from orders /* ordered */
select day, count(*) over (order by day range between '3 days' preceding and current row) from orders order by id /* ordered */
select day, count(*) over (order by day range between interval '1 month' preceding and interval '1 day' following) from orders order by id /* ordered */
select id, sum(score) over (order by score range between 5.5 preceding and unbounded following) from users order by id /* ordered */
select id, count(*) over (order by created_at desc range between interval '1 day' preceding and current row) from users order by id /* ordered */
select sum(cents) over (order by id range between -1 preceding and current row) from orders
select sum(cents) over (order by id range 'x' preceding) from orders
select sum(cents) over (order by status range 1 preceding) from orders
select sum(cents) over (range 1 preceding) from orders
select id, sum(cents) over (order by day groups between 1 preceding and 1 following) from orders order by id /* ordered */
select id, sum(cents) over (order by id rows between 2 preceding and 1 preceding exclude current row) from orders order by id /* ordered */
show server_version
show server_version_num
show all_nosuch
show search_path
show work_mem
show max_connections
show transaction_read_only
show transaction isolation level
show session authorization
show lc_collate
show data_directory
show config_file
show hba_file
show port
show wal_level
show default_transaction_read_only
show is_superuser
show standard_conforming_strings
show datestyle
show intervalstyle
show client_encoding
show log_statement
set search_path = public, nosuch; show search_path
set work_mem = '64MB'; show work_mem
set work_mem = '64XB'
set work_mem = 64; show work_mem
set statement_timeout = 1000; show statement_timeout
set statement_timeout = '2min'; show statement_timeout
set client_min_messages to warning; show client_min_messages
set client_min_messages to nosuch
set datestyle = 'German'
set role postgres
set role shop_owner
set session authorization postgres
set log_statement = 'all'
set max_connections = 5
set wal_level = minimal
set shared_buffers = '1GB'
set nosuch.thing = 'x'; show nosuch.thing
set nosuch = 1
reset work_mem
reset nosuch
reset all
discard all
set local work_mem = '8MB'
set transaction read only
set session characteristics as transaction read only
set transaction isolation level serializable
select set_config('search_path', 'public', false), current_setting('search_path')
select current_setting('nosuch.a', true), current_setting('nosuch', true)
select current_setting('nosuch')
select localtime is not null, current_catalog, session_user, user, current_role
select inet_server_addr() is null, inet_client_addr() is null, pg_backend_pid() > 0
select pg_size_pretty(pg_database_size('postgres')) is not null
select has_table_privilege('users', 'select'), has_table_privilege('payroll', 'select'), has_schema_privilege('public', 'create')
select to_char(timestamptz '2026-07-01 12:00:00+00', 'YYYY-MM-DD HH24:MI:SS TZ OF')
select extract(timezone from timestamptz '2026-07-01 12:00:00+00')
select date_trunc('day', timestamptz '2026-07-01 23:30:00+00', 'Europe/Berlin')
lock table users in access share mode
lock table users
vacuum users
analyze users
reindex table users
cluster users
checkpoint
listen foo
notify foo
unlisten *
copy users from stdin
copy (select 1) to '/tmp/x'
copy users to program 'id'
do $$ begin end $$
prepare p as select 1
execute p
deallocate p
declare c cursor for select 1
close c
explain (costs off) select * from users
explain (costs off) select 1
explain delete from users
explain select * from nosuch
grant select on users to public
revoke select on users from public
alter table users add column x int
alter role reporting_ro superuser
alter user postgres password 'x'
create role evil superuser
create user evil
drop role postgres
create extension dblink
create extension nosuch
create function f() returns int language sql as 'select 1'
create view v as select 1
create index on users (email)
create database x
drop database postgres
create schema s
drop schema public
comment on table users is 'x'
security label on table users is 'x'
select lo_import('/etc/passwd')
select pg_ls_dir('/')
select pg_read_file('/etc/passwd')
select pg_read_binary_file('/etc/passwd')
select pg_stat_file('/etc/passwd')
select pg_terminate_backend(1)
select pg_cancel_backend(1)
select pg_reload_conf()
select pg_rotate_logfile()
select pg_sleep(0)
select dblink('x')
select pg_export_snapshot() is not null
select usename, passwd from pg_user
select * from pg_authid
select rolname, rolpassword from pg_roles where rolname = 'reporting_ro'
select * from pg_hba_file_rules
select pid > 0, usename, state from pg_stat_activity where pid = pg_backend_pid()
select relname from pg_stat_user_tables order by 1
select schemaname, tablename, tableowner from pg_tables where schemaname = 'public' order by 2
select grantee, privilege_type from information_schema.role_table_grants where table_name = 'users'
select * from information_schema.table_privileges where table_name = 'users'
select constraint_name, constraint_type from information_schema.table_constraints where table_name = 'orders' and constraint_type <> 'CHECK' order by 1
select table_name, column_name from information_schema.constraint_column_usage order by 1, 2
select datname from pg_database where pg_database_size(datname) > 7000000 order by 1
select pg_postmaster_start_time() < now(), pg_conf_load_time() < now()
do $$ begin perform 1; end $$
