select 1
select 1 as one, 'two' as "Two", null, true, 1.5, -3, 12345678901
select * from users
select u.* , o.id from users u join orders o on u.id = o.user_id where o.cents > 900
select count(*), count(manager_id), sum(score), avg(score), min(created_at), max(created_at) from users
select role, count(*) from users group by role order by 2 desc, 1 /* ordered */
select role, active, count(*) from users group by rollup (role, active)
select role, active, count(*), grouping(role, active) from users group by cube (role, active)
select role, active, count(*) from users group by grouping sets ((role), (active), ())
select distinct role from users order by role desc /* ordered */
select distinct on (role) role, id from users order by role, id desc /* ordered */
select id from users order by manager_id nulls first, id desc limit 4 /* ordered */
select id from users order by id fetch first 3 rows only /* ordered */
select manager_id from users order by manager_id fetch first 3 rows with ties
select u.email, m.email from users u left join users m on m.id = u.manager_id
select * from users natural join (select 1 as id) x
select * from users join (values (1, 'a'), (2, 'b')) v(id, l) using (id)
select * from (values (1, 'a'), (2, null), (null, 'c')) as t(x, y) full join (values (2), (3)) as s(x) using (x)
select x, y from generate_series(1, 3) x, generate_series(1, 2) y
select u.id, s.n from users u, lateral (select count(*) as n from orders o where o.user_id = u.id) s
select id, (select count(*) from orders o where o.user_id = u.id) from users u
select id from users u where exists (select from orders where user_id = u.id)
select id from users where id = any (array[1, 3, 5])
select id from users where id <> all (select user_id from orders where user_id < 6)
select id from users where (id, role) in (select user_id, 'admin' from orders)
select id from users where (id, manager_id) > (3, 1)
select array(select id from users order by id limit 3)
with a as (select id from users where id < 4), b as (select * from a where id > 1) select * from b
with recursive t(n) as (values (1) union all select n + 1 from t where n < 10) select sum(n) from t
with recursive t(id, path) as (select id, array[id] from users where manager_id is null union all select u.id, path || u.id from users u join t on u.manager_id = t.id where u.id <> all (path)) select * from t
select 1 union select 2 union all select 2 order by 1 /* ordered */
select id from users intersect select user_id from orders order by 1 /* ordered */
(select id from users order by id limit 2) union all (select id from users order by id desc limit 2)
select 1 as x union select 2.5
select null union select 1
select 'a' union select null
values (1, 'a'), (2, 'b')
select case when id % 2 = 0 then 'even' else 'odd' end, case role when 'admin' then 1 end from users
select coalesce(null, null, 3), nullif(1, 1), greatest(1, null, 3), least(2.5, 1)
select 7 / 2, -7 / 2, 7 % 3, -7 % 3, 7.0 / 2, 2 ^ 10, 2.0 ^ 3, |/ 16, @ -5, 5 & 3, 5 | 3, 5 # 3, ~5, 1 << 4, 256 >> 2
select 1 / 3.0, 10.0 / 3, 1.00 * 2.000, 100000000000000000000 + 1, 0.1 + 0.2, 1e20, 1.5e-3, 22.0 / 7
select round(2.5), round(-2.5), round(2.567, 2), trunc(2.567, 1), ceil(1.2), floor(-1.2), round(1234.5, -2), sign(-3), abs(-2.5), mod(7, 3), div(7, 2), power(2, 3), sqrt(2), sqrt(2.0), exp(1), ln(10), log(100)
select 1::float8 / 3, 1e15::float8, 1e16::float8, 123456789012345678::float8, 0.1::float4, 1e-5::float8, 'NaN'::float8, 'Infinity'::float8, 3.14::real
select 'abc' || 1, 1 || 'abc', 'a' || true, 'a' || null
select length('héllo'), upper('héllo'), lower('ÀB'), initcap('hello wORLD foo_bar'), reverse('abc'), repeat('ab', 3), lpad('5', 3, '0'), rpad('x', 3), substr('abcdef', 2, 3), substring('abcdef' from 2 for 2), left('abc', -1), right('abc', 2)
select trim('  x '), trim(both 'x' from 'xxaxx'), ltrim('xxa', 'x'), rtrim('axx', 'x'), btrim('  a '), split_part('a,b,c', ',', 2), split_part('a,b,c', ',', -1), strpos('abc', 'c'), position('b' in 'abc'), replace('aaa', 'a', 'b'), translate('abc', 'ab', 'x')
select concat('a', null, 1, true), concat_ws('-', 'a', null, 'b'), format('%s is %I and %L', 'x', 'my col', 'it''s'), quote_ident('select'), quote_literal('a''b'), ascii('a'), chr(65), md5('abc'), to_hex(255), starts_with('abc', 'ab')
select 'abc' like 'a%', 'abc' like 'a_', 'ABC' ilike 'abc', 'abc' not like '%c', 'a%c' like 'a\%c', 'a%c' like 'a!%c' escape '!', 'abc' similar to '(a|b)%', 'abc' ~ '^a.c$', 'abc' ~* 'B', 'abc' !~ 'd'
select regexp_replace('abcabc', 'b', 'X'), regexp_replace('abcabc', 'b', 'X', 'g'), regexp_match('foo123', '([a-z]+)(\d+)'), regexp_split_to_array('a1b22c', '\d+'), substring('foobar' from 'o+'), regexp_replace('John Smith', '(\w+) (\w+)', '\2, \1')
select regexp_matches('a1b2', '[a-z]\d', 'g')
select null = null, null is null, null is distinct from 1, 1 is distinct from 1, null and false, null or true, not null, 1 = null
select true and null, false or null, true is true, null is unknown, (1, 2) = (1, 2), (1, null) = (1, 2), row(1, 'a')
select 1 in (1, 2), 3 not in (1, null), 1 between 0 and 2, 5 between symmetric 10 and 1, 2 not between 1 and 3
select '1'::int, '1.5'::numeric(3,1), 'true'::bool, 1::text, 1.7::int, 2.5::int, 3.5::int, -2.5::int, 'abc'::varchar(2), 'ab'::char(4), 1::bool, true::int, '{1,2}'::int[], 'x'::name
select '2026-03-01'::date, '2026-03-01 10:20:30.123456'::timestamp, '2026-03-01 10:20:30+02'::timestamptz, '10:20'::time, '1 day 2 hours'::interval, 'Mar 5, 2026'::date, '20260305'::date, 'epoch'::timestamptz, 'infinity'::timestamp, '2026-03-01 5pm'::timestamp
select date '2026-03-01' + 30, date '2026-03-31' - date '2026-03-01', date '2026-01-31' + interval '1 month', timestamp '2026-03-01 10:00' - timestamp '2026-02-27 09:30', date '2026-03-01' - interval '1 day', interval '1 day' * 2.5, interval '1 month' / 2, interval '1 year 2 months 3 days 04:05:06.7', -interval '1 day 2 hours', time '10:00' + interval '90 minutes', interval '36 hours', interval '-1 month +3 days'
select extract(year from date '2026-03-05'), extract(epoch from timestamptz '2026-03-05 00:00+00'), extract(dow from date '2026-03-05'), extract(doy from date '2026-03-05'), extract(week from date '2026-01-01'), extract(quarter from date '2026-05-05'), extract(second from timestamp '2026-03-05 10:20:30.5'), extract(day from interval '3 days 5 hours'), date_part('hour', timestamp '2026-03-05 10:20'), extract(isodow from date '2026-03-08'), extract(century from date '2026-01-01'), extract(hour from interval '30 hours'), extract(epoch from interval '1 month')
select date_trunc('month', timestamp '2026-03-05 10:20'), date_trunc('week', timestamptz '2026-03-05 10:20+00'), date_trunc('hour', interval '3 days 5:30'), date_trunc('year', date '2026-03-05'), date_trunc('quarter', timestamp '2026-05-05'), date_trunc('decade', timestamp '2026-05-05')
select age(timestamp '2026-03-05', timestamp '2024-12-25'), age(timestamp '2024-12-25', timestamp '2026-03-05 06:00'), make_date(2026, 3, 5), make_interval(days => 10, hours => 5), justify_days(interval '45 days'), justify_hours(interval '50 hours'), to_timestamp(1700000000), isfinite(date '2026-01-01'), make_timestamp(2026, 3, 5, 10, 20, 30.5)
select to_char(timestamp '2026-03-05 14:05:09.123', 'YYYY-MM-DD HH24:MI:SS.MS'), to_char(date '2026-03-05', 'Day, DD Month YYYY'), to_char(date '2026-03-05', 'FMDay, FMDDth FMMonth'), to_char(timestamp '2026-03-05 14:05', 'HH12:MI AM'), to_char(1234.5, '9,999.99'), to_char(-5, '999'), to_char(0.5, 'FM0.00'), to_char(12, '00000'), to_char(1234567.891, 'FM9,999,999.00'), to_char(interval '5 hours 3 minutes', 'HH24:MI'), to_char(date '2026-03-05', 'Dy DD Mon YY Q WW IW DDD D')
select to_date('05/03/2026', 'DD/MM/YYYY'), to_timestamp('2026-03-05 10:20', 'YYYY-MM-DD HH24:MI'), to_number('1,234.5', '9,999.9')
select timestamptz '2026-03-05 10:00+00' at time zone 'UTC', timestamp '2026-03-05 10:00' at time zone 'UTC', timestamptz '2026-03-05 10:00+00' at time zone 'EST', timestamp '2026-03-05 10:00' at time zone '+02'
select array[1, 2, 3], array['a', null, 'b c', '"q"', ''], array[[1, 2], [3, 4]], '{a,"b,c",NULL}'::text[], array[1, 2] || 3, 0 || array[1], array[1] || array[2, 3], (array[10, 20, 30])[2], (array[1, 2, 3, 4])[2:3], array_length(array[1, 2], 1), cardinality(array[1, 2, 3]), array_to_string(array[1, null, 3], ',', '*'), string_to_array('a,b,,c', ','), 2 = any (array[1, 2]), array[1, 2] @> array[2], array[1, 2] && array[3], array_position(array['a', 'b'], 'b'), array_remove(array[1, 2, 1], 1), array_append(array[1], 2), array[1.5, 2], '{}'::int[], array_dims(array[[1, 2], [3, 4]])
select unnest(array[1, 2, 3]), 'x'
select unnest(array[1, 2]), generate_series(1, 3)
select * from unnest(array['a', 'b']) with ordinality
select * from unnest(array[3, 4]) as t(v)
select '{"a": {"b": [1, 2, {"c": "x"}]}}'::jsonb -> 'a' -> 'b' -> 2 ->> 'c', '{"a":1}'::json -> 'a', '[1,2,3]'::jsonb -> -1, '{"a":{"b":5}}'::jsonb #>> '{a,b}', '{"a":1,"b":2}'::jsonb ? 'a', '{"a":1,"b":2}'::jsonb @> '{"a":1}', '{"b":1,"a":2}'::jsonb, '{"b":1,"a":2}'::json, '{"a":1}'::jsonb || '{"b":2}', '{"a":1,"b":2}'::jsonb - 'a', jsonb_typeof('[1]'), jsonb_array_length('[1,2]')
select json_build_object('a', 1, 'b', 'x', 'c', null), jsonb_build_object('z', true, 'a', 1.5), json_build_array(1, 'a', null), to_json('x"y'::text), to_jsonb(array[1, 2]), row_to_json(row(1, 'a')), to_json(timestamp '2026-03-05 10:00'), jsonb_pretty('{"a":[1]}')
select * from jsonb_each('{"a": 1, "b": "x"}')
select * from jsonb_array_elements_text('["a", 1, null]')
select * from json_object_keys('{"b":1,"a":2}')
select key, value from orders, jsonb_each_text(data) where id = 1000
select u from users u where id = 1
select json_agg(x) from (select id, role from users where id < 3) x
select jsonb_agg(id order by id desc), json_object_agg(role, id order by id), string_agg(distinct role, '/' order by role), array_agg(distinct active) from users
select percentile_cont(0.5) within group (order by cents), percentile_disc(0.5) within group (order by cents), mode() within group (order by status) from orders
select bit_and(id), bit_or(id), every(id > 0), stddev_pop(id), var_samp(id), variance(score), corr(1.0, 2.0) is null from users
select count(*) filter (where active), sum(id) filter (where role = 'admin') from users
select id, row_number() over w, rank() over (order by role), dense_rank() over (order by role), lag(id, 1, 0) over w, lead(id) over w, sum(id) over (order by id rows between 1 preceding and current row), first_value(id) over w, last_value(id) over w, nth_value(id, 2) over w, ntile(4) over w, count(*) over (), avg(id) over (partition by role) from users window w as (order by id)
select role, sum(count(*)) over (order by role) from users group by role
select u.id, u.email from users u group by u.id
select extract(month from created_at) m, count(*) from users group by m having count(*) > 1
select current_user, session_user, current_schema, current_catalog, current_schema(), current_schemas(true), current_database()
select pg_typeof(1), pg_typeof('a'), pg_typeof(1.5), pg_typeof(now()), pg_typeof(null), pg_typeof(array[1]), pg_typeof('a'::varchar(3))
select E'a\nb', 'a''b', $$dollar 'quoted'$$, $t$x$t$, U&"x" from (select 1 as "x") s
select 'a' 'b'
select -- comment
select 1 /* nested /* comment */ */ + 1
select 1; select 2
begin; select 1; commit
select; 
select from users
select true::text, 1.0::text, null::text, 'x'::text
select inet '10.0.0.1', '10.0.0.0/8'::cidr, inet '10.1.2.3' << '10.0.0.0/8', host(inet '10.1.2.3/16'), '10.0.0.1'::inet::text, masklen('10.0.0.0/8'::cidr)
select '\xdeadbeef'::bytea, encode('abc', 'hex'), encode('abc'::bytea, 'base64'), decode('616263', 'hex'), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid
select 1::smallint + 1, 1::bigint + 1, 1::smallint + 1::smallint, 1 + 1.5, 1 + 1.5::float8, 1::real + 1, 2147483647::bigint + 1, sum(1::smallint), sum(1), sum(1::bigint), sum(1.5), avg(1) from users
select width_bucket(5, 0, 10, 5), gcd(12, 18), lcm(4, 6), factorial(10), scale(1.500), trim_scale(1.500), pi(), degrees(pi()), sin(0)
select pg_size_pretty(1234567::bigint), pg_size_pretty(500::bigint), pg_size_pretty(10737418240::bigint)
select overlay('abcdef' placing 'XX' from 2 for 3), substring('abc', 2), substr('abc', 0), substr('abc', -1, 3), left('abc', 10), bit_length('abc'), octet_length('é')
select nums[1] + nums[2], nums from orders where 3 = any (nums)
select (data->>'n')::int + 1 from orders where (data->>'ok')::bool
select sum((data->>'n')::int), max(data->>'n') from orders
select id, cents, cents * 100.0 / sum(cents) over () from orders where id < 1010
select status, count(*), round(avg(cents), 2) as "avg", max(cents) - min(cents) from orders group by status
select to_char(day, 'YYYY-MM') as month, sum(cents) from orders group by 1
select a.id, b.id from users a join users b on a.id < b.id and a.role = b.role
select * from empty
select count(*), sum(id), max(note), array_agg(id), string_agg(note, ',') from empty
select 1 where false
select 1 from users having true
select max(id) from users where false group by role
select 'x' as a, 'y' as a
select users.id, public.users.email from public.users where public.users.id = 1
select "id" from "users" where "role" = 'admin'
select ID, Email FROM Users WHERE Role = 'guest'
select exists(select 1), not exists(select 1 where false)
select case when true then 1 else 2.5 end, case when false then 1 end, case 1 when 1 then 'a' when 2 then 'b' end
select int '5', float8 '1.5', bool 'yes', date 'epoch', interval '90' minute, interval '1-2' year to month, timestamp(0) '2026-03-05 10:20:30.7'
select cast('5' as int), cast(null as text), cast(1.55 as numeric(3,1)), '12'::numeric(5,2)
select random() < 1, length(gen_random_uuid()::text)
select tableoid::regclass from users limit 1
select 'users'::regclass, 'int4'::regtype, 'users'::regclass::oid > 0, to_regclass('nope'), 'public'::regnamespace
select format_type(23, -1), format_type(1043, 14), format_type(1700, 655366), format_type(1184, -1), format_type(1007, -1)
select setting from pg_settings where name = 'search_path'
show search_path
show server_encoding
show transaction_isolation
select current_setting('search_path'), current_setting('nope.x', true)
select table_name, table_type from information_schema.tables where table_schema = 'public'
select column_name, data_type, udt_name, is_nullable, ordinal_position from information_schema.columns where table_name = 'users'
select column_name, numeric_precision, numeric_scale, datetime_precision, character_maximum_length from information_schema.columns where table_name = 'orders'
select tablename, tableowner, hasindexes from pg_tables where schemaname = 'public'
select indexname, indexdef from pg_indexes where schemaname = 'public'
select nspname from pg_namespace
select rolname, rolsuper, rolcanlogin from pg_roles
select usename, passwd from pg_user
select relname, relkind from pg_class where relnamespace = 'public'::regnamespace
select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull from pg_attribute a where a.attrelid = 'users'::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum /* ordered */
select conname, contype, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'orders'::regclass
select schema_name from information_schema.schemata
select datname from pg_database
select extname from pg_extension
select typname, typcategory from pg_type where typname in ('int4', 'text', '_int4', 'timestamptz')
select n.nspname as "Schema", c.relname as "Name", case c.relkind when 'r' then 'table' when 'v' then 'view' end as "Type", pg_catalog.pg_get_userbyid(c.relowner) as "Owner" from pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r','p','v','m','S','f','') and n.nspname <> 'pg_catalog' and n.nspname !~ '^pg_toast' and n.nspname <> 'information_schema' and pg_catalog.pg_table_is_visible(c.oid) order by 1,2 /* ordered */
select tc.constraint_name, tc.constraint_type, kcu.column_name from information_schema.table_constraints tc join information_schema.key_column_usage kcu using (constraint_name) where tc.table_name = 'users'
