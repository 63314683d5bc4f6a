selec 1
select
select 1 +
select * from nothing
select * from public.nothing
select * from nosuch.users
select nope from users
select emial from users
select u.nope from users u
select x.id from users
select users.id from users u
select id from users, orders
select nofn(1)
select lower(1)
select length(1, 2)
select 'a' + 1
select 1 + 'a'
select 'a' + 'b'
select 1 || 2
select true + 1
select 'abc'::int
select '1.5'::int
select 'x'::bool
select 'x'::date
select '2026-13-01'::date
select '2026-02-30'::date
select 'x'::timestamp
select 'x'::interval
select 'x'::uuid
select '{1,2'::int[]
select 'x'::int[]
select '{"a"'::json
select 'x'::json
select '99999999999'::int
select 2147483647 + 1
select 9223372036854775807 + 1
select 1/0
select 1.0/0
select 1::float8/0
select 5 % 0
select sqrt(-1)
select ln(0)
select 1e400::float8
select (-32768)::smallint::int - 1, (32768)::smallint
select role, count(*) from users
select count(*) from users where count(*) > 1
select sum(count(*)) from users
select id from users group by role
select role from users having id > 1
select max(id) over () from users where row_number() over () = 1
select id from users order by 5
select id from users group by 3
select distinct role from users order by id
select id from users limit -1
select id from users limit 'x'
select id from users offset -1
select (select id from users)
select (select id, email from users)
select 1 in (select 1, 2)
select 1 union select 'a'
select 1, 2 union select 1
select 1 union select 2 order by x
select case when 1 then 2 end
select case when true then 1 else 'a' end
select coalesce(1, 'a')
select coalesce(1, true)
select array[1, 'a']
select array[]
select * from users where id
select * from users where email
select not 1
select 1 and true
select id from users where role = 5
select id from users where id = 'x'
select id from users where created_at > 'yesterdayish'
select * from users u, orders u
select * from (select 1)
select * from (values (1))
select * from users join orders
select * from users join orders using (nope)
select * from users natural join
with a as (select 1), a as (select 2) select * from a
with a(x, y) as (select 1) select * from a
select * from payroll
select salary from payroll where id = 1
select * from pg_shadow
select * from pg_authid
select pg_read_file('/etc/passwd')
select pg_ls_dir('.')
select pg_sleep('x')
select cast(1 as nosuch)
select 1::nosuch
select '1'::varchar(0)
select 1::numeric(2000)
select 100::numeric(2,1)
select 'abc'::json -> 1
select substring('abc' from 1 for -1)
select chr(0)
select repeat('x', -1), 'x'::char(3) || '|'
select 'a' ~ '('
select 'a' ~ '['
select 'a' ~ '*'
select regexp_replace('a', '(', 'b')
select extract(nope from now())
select date_trunc('nope', now())
select to_date('x', 'YYYY')
select * from generate_series(1, 3, 0)
select generate_series(1, 2, 0)
select 'unterminated
select "unterminated
select 1 /* unterminated
select $$unterminated
select ""
select 12abc
select 1..2
select @
select $1
select * from users where
select * from users order
select * from users group
select id, from users
select from where
select (1
select 1)
select a b c
select * from users limit 1, 2
select 1 as select
select as
from users
insert into users values (1)
insert into nothing values (1)
update users set email = 'x'
update nothing set x = 1
delete from users
delete from users where id = 1
truncate users
drop table users
drop table nothing
drop table if exists nothing
alter table users add column x int
create table t (id int)
create table nosuch.t (id int)
create index on users (email)
create role x
create database x
create schema x
grant select on users to public
copy users to '/tmp/x'
copy users from program 'id'
copy (select 1) to program 'id'
with d as (delete from users returning id) select * from d
select * into t from users
select * from users for update
show nope
set nope = 1
set role postgres
set session authorization postgres
set log_statement = 'all'
reset nope
explain selec 1
explain select * from nothing
select 1; selec 2
select 1; select * from nothing; select 3
begin; select 1/0
vacuum users
do $$ begin end $$
call x()
execute x
fetch 1 from c
lock table users
select current_setting('nope')
select 'nope'::regclass
select has_table_privilege('nope', 'select')
select a.b.c.d.e from users
select x.y.z.id from users
select * from other.public.users
select row_number()
select sum(id) over (partition by role order by x) from users
select lower(distinct 'x')
select count(distinct *) from users
select max(*) from users
select id from users where id in (1, 'x')
select 5 = any (6)
select 1 like 'a'
select (1, 2) = (1, 2, 3)
select json_build_object('a')
select '[1]'::jsonb_x
select jsonb_array_length('{}')
select * from jsonb_array_elements('{"a":1}')
select * from jsonb_each('[1]')
select unnest(1)
select users from nothing
select string_agg(id, ',') from users
select sum(email) from users
select avg(role) from users
select min(active) from users
select -'x'
select 1::bool + 1
select date '2026-01-01' + date '2026-01-02'
select interval '1 day' + 1
select now() + 1
select 1 = '1'
select '1' = 1
select 'a' = true
select 1 = true
select null::int + 'x'
select 'x'::numeric
select inet 'x'
select '\xzz'::bytea
select position(1 in 2)
select make_date(2026, 13, 1)
select width_bucket(1, 2, 2, 3)
select array[1,2][1]
select (array[1,2])['x']
select (1).x
select 1.x
