package pgsql

// Type is a data type of the server.
type Type struct {
	OID   uint32
	Name  string // as pg_type has it: int4
	SQL   string // as format_type writes it: integer
	Cat   byte   // typcategory
	Pref  bool   // typispreferred
	Len   int    // typlen
	Elem  *Type  // of an array
	index int
	store byte // 'i' if values are ordered by n, 's' if by s
}

// The types that the engine knows, with the object identifiers of PostgreSQL 15.
var (
	tBool                     = &Type{OID: 16, Name: "bool", SQL: "boolean", Cat: 'B', Pref: true, Len: 1, index: 0, store: 'i'}
	tBytea                    = &Type{OID: 17, Name: "bytea", SQL: "bytea", Cat: 'U', Pref: false, Len: -1, index: 1, store: 's'}
	tChar                     = &Type{OID: 18, Name: "char", SQL: "\"char\"", Cat: 'Z', Pref: false, Len: 1, index: 2, store: 's'}
	tName                     = &Type{OID: 19, Name: "name", SQL: "name", Cat: 'S', Pref: false, Len: 64, index: 3, store: 's'}
	tInt8                     = &Type{OID: 20, Name: "int8", SQL: "bigint", Cat: 'N', Pref: false, Len: 8, index: 4, store: 'i'}
	tInt2                     = &Type{OID: 21, Name: "int2", SQL: "smallint", Cat: 'N', Pref: false, Len: 2, index: 5, store: 'i'}
	tInt2vector               = &Type{OID: 22, Name: "int2vector", SQL: "int2vector", Cat: 'A', Pref: false, Len: -1, index: 6}
	tInt4                     = &Type{OID: 23, Name: "int4", SQL: "integer", Cat: 'N', Pref: false, Len: 4, index: 7, store: 'i'}
	tRegproc                  = &Type{OID: 24, Name: "regproc", SQL: "regproc", Cat: 'N', Pref: false, Len: 4, index: 8, store: 'i'}
	tText                     = &Type{OID: 25, Name: "text", SQL: "text", Cat: 'S', Pref: true, Len: -1, index: 9, store: 's'}
	tOid                      = &Type{OID: 26, Name: "oid", SQL: "oid", Cat: 'N', Pref: true, Len: 4, index: 10, store: 'i'}
	tXid                      = &Type{OID: 28, Name: "xid", SQL: "xid", Cat: 'U', Pref: false, Len: 4, index: 11, store: 'i'}
	tOidvector                = &Type{OID: 30, Name: "oidvector", SQL: "oidvector", Cat: 'A', Pref: false, Len: -1, index: 12}
	tPgDdlCommand             = &Type{OID: 32, Name: "pg_ddl_command", SQL: "pg ddl command", Cat: 'P', Pref: false, Len: 8, index: 13, store: 's'}
	tJson                     = &Type{OID: 114, Name: "json", SQL: "json", Cat: 'U', Pref: false, Len: -1, index: 14, store: 's'}
	tPgNodeTree               = &Type{OID: 194, Name: "pg_node_tree", SQL: "pg_node_tree", Cat: 'Z', Pref: false, Len: -1, index: 15, store: 's'}
	tTableAmHandler           = &Type{OID: 269, Name: "table_am_handler", SQL: "table am handler", Cat: 'P', Pref: false, Len: 4, index: 16, store: 's'}
	tIndexAmHandler           = &Type{OID: 325, Name: "index_am_handler", SQL: "index am handler", Cat: 'P', Pref: false, Len: 4, index: 17, store: 's'}
	tCidr                     = &Type{OID: 650, Name: "cidr", SQL: "cidr", Cat: 'I', Pref: false, Len: -1, index: 18}
	tFloat4                   = &Type{OID: 700, Name: "float4", SQL: "real", Cat: 'N', Pref: false, Len: 4, index: 19}
	tFloat8                   = &Type{OID: 701, Name: "float8", SQL: "double precision", Cat: 'N', Pref: true, Len: 8, index: 20}
	tUnknown                  = &Type{OID: 705, Name: "unknown", SQL: "unknown", Cat: 'X', Pref: false, Len: -2, index: 21, store: 's'}
	tMacaddr8                 = &Type{OID: 774, Name: "macaddr8", SQL: "macaddr8", Cat: 'U', Pref: false, Len: 8, index: 22, store: 's'}
	tInet                     = &Type{OID: 869, Name: "inet", SQL: "inet", Cat: 'I', Pref: true, Len: -1, index: 23}
	tAclitem                  = &Type{OID: 1033, Name: "aclitem", SQL: "aclitem", Cat: 'U', Pref: false, Len: 12, index: 24, store: 's'}
	tBpchar                   = &Type{OID: 1042, Name: "bpchar", SQL: "character", Cat: 'S', Pref: false, Len: -1, index: 25}
	tVarchar                  = &Type{OID: 1043, Name: "varchar", SQL: "character varying", Cat: 'S', Pref: false, Len: -1, index: 26, store: 's'}
	tDate                     = &Type{OID: 1082, Name: "date", SQL: "date", Cat: 'D', Pref: false, Len: 4, index: 27, store: 'i'}
	tTime                     = &Type{OID: 1083, Name: "time", SQL: "time without time zone", Cat: 'D', Pref: false, Len: 8, index: 28, store: 'i'}
	tTimestamp                = &Type{OID: 1114, Name: "timestamp", SQL: "timestamp without time zone", Cat: 'D', Pref: false, Len: 8, index: 29, store: 'i'}
	tTimestamptz              = &Type{OID: 1184, Name: "timestamptz", SQL: "timestamp with time zone", Cat: 'D', Pref: true, Len: 8, index: 30, store: 'i'}
	tInterval                 = &Type{OID: 1186, Name: "interval", SQL: "interval", Cat: 'T', Pref: true, Len: 16, index: 31}
	tTimetz                   = &Type{OID: 1266, Name: "timetz", SQL: "time with time zone", Cat: 'D', Pref: false, Len: 12, index: 32}
	tNumeric                  = &Type{OID: 1700, Name: "numeric", SQL: "numeric", Cat: 'N', Pref: false, Len: -1, index: 33}
	tRegprocedure             = &Type{OID: 2202, Name: "regprocedure", SQL: "regprocedure", Cat: 'N', Pref: false, Len: 4, index: 34, store: 'i'}
	tRegoperator              = &Type{OID: 2204, Name: "regoperator", SQL: "regoperator", Cat: 'N', Pref: false, Len: 4, index: 35, store: 's'}
	tRegclass                 = &Type{OID: 2205, Name: "regclass", SQL: "regclass", Cat: 'N', Pref: false, Len: 4, index: 36, store: 'i'}
	tRegtype                  = &Type{OID: 2206, Name: "regtype", SQL: "regtype", Cat: 'N', Pref: false, Len: 4, index: 37, store: 'i'}
	tRecord                   = &Type{OID: 2249, Name: "record", SQL: "record", Cat: 'P', Pref: false, Len: -1, index: 38}
	tCstring                  = &Type{OID: 2275, Name: "cstring", SQL: "cstring", Cat: 'P', Pref: false, Len: -2, index: 39, store: 's'}
	tAny                      = &Type{OID: 2276, Name: "any", SQL: "any", Cat: 'P', Pref: false, Len: 4, index: 40, store: 's'}
	tAnyarray                 = &Type{OID: 2277, Name: "anyarray", SQL: "anyarray", Cat: 'P', Pref: false, Len: -1, index: 41, store: 's'}
	tVoid                     = &Type{OID: 2278, Name: "void", SQL: "void", Cat: 'P', Pref: false, Len: 4, index: 42, store: 's'}
	tLanguageHandler          = &Type{OID: 2280, Name: "language_handler", SQL: "language handler", Cat: 'P', Pref: false, Len: 4, index: 43, store: 's'}
	tAnyelement               = &Type{OID: 2283, Name: "anyelement", SQL: "anyelement", Cat: 'P', Pref: false, Len: 4, index: 44, store: 's'}
	tAnynonarray              = &Type{OID: 2776, Name: "anynonarray", SQL: "anynonarray", Cat: 'P', Pref: false, Len: 4, index: 45, store: 's'}
	tUuid                     = &Type{OID: 2950, Name: "uuid", SQL: "uuid", Cat: 'U', Pref: false, Len: 16, index: 46, store: 's'}
	tTxidSnapshot             = &Type{OID: 2970, Name: "txid_snapshot", SQL: "txid snapshot", Cat: 'U', Pref: false, Len: -1, index: 47, store: 's'}
	tFdwHandler               = &Type{OID: 3115, Name: "fdw_handler", SQL: "fdw handler", Cat: 'P', Pref: false, Len: 4, index: 48, store: 's'}
	tTsmHandler               = &Type{OID: 3310, Name: "tsm_handler", SQL: "tsm handler", Cat: 'P', Pref: false, Len: 4, index: 49, store: 's'}
	tPgNdistinct              = &Type{OID: 3361, Name: "pg_ndistinct", SQL: "pg ndistinct", Cat: 'Z', Pref: false, Len: -1, index: 50, store: 's'}
	tPgDependencies           = &Type{OID: 3402, Name: "pg_dependencies", SQL: "pg dependencies", Cat: 'Z', Pref: false, Len: -1, index: 51, store: 's'}
	tTsvector                 = &Type{OID: 3614, Name: "tsvector", SQL: "tsvector", Cat: 'U', Pref: false, Len: -1, index: 52, store: 's'}
	tRegdictionary            = &Type{OID: 3769, Name: "regdictionary", SQL: "regdictionary", Cat: 'N', Pref: false, Len: 4, index: 53, store: 's'}
	tJsonb                    = &Type{OID: 3802, Name: "jsonb", SQL: "jsonb", Cat: 'U', Pref: false, Len: -1, index: 54}
	tEventTrigger             = &Type{OID: 3838, Name: "event_trigger", SQL: "event trigger", Cat: 'P', Pref: false, Len: 4, index: 55, store: 's'}
	tRegnamespace             = &Type{OID: 4089, Name: "regnamespace", SQL: "regnamespace", Cat: 'N', Pref: false, Len: 4, index: 56, store: 'i'}
	tRegrole                  = &Type{OID: 4096, Name: "regrole", SQL: "regrole", Cat: 'N', Pref: false, Len: 4, index: 57, store: 'i'}
	tRegcollation             = &Type{OID: 4191, Name: "regcollation", SQL: "regcollation", Cat: 'N', Pref: false, Len: 4, index: 58, store: 's'}
	tAnymultirange            = &Type{OID: 4537, Name: "anymultirange", SQL: "anymultirange", Cat: 'P', Pref: false, Len: -1, index: 59, store: 's'}
	tAnycompatiblemultirange  = &Type{OID: 4538, Name: "anycompatiblemultirange", SQL: "anycompatiblemultirange", Cat: 'P', Pref: false, Len: -1, index: 60, store: 's'}
	tPgBrinBloomSummary       = &Type{OID: 4600, Name: "pg_brin_bloom_summary", SQL: "pg brin bloom summary", Cat: 'Z', Pref: false, Len: -1, index: 61, store: 's'}
	tPgBrinMinmaxMultiSummary = &Type{OID: 4601, Name: "pg_brin_minmax_multi_summary", SQL: "pg brin minmax multi summary", Cat: 'Z', Pref: false, Len: -1, index: 62, store: 's'}
	tPgMcvList                = &Type{OID: 5017, Name: "pg_mcv_list", SQL: "pg mcv list", Cat: 'Z', Pref: false, Len: -1, index: 63, store: 's'}
	tXid8                     = &Type{OID: 5069, Name: "xid8", SQL: "xid8", Cat: 'U', Pref: false, Len: 8, index: 64, store: 'i'}
	tAnycompatible            = &Type{OID: 5077, Name: "anycompatible", SQL: "anycompatible", Cat: 'P', Pref: false, Len: 4, index: 65, store: 's'}
	tAnycompatiblearray       = &Type{OID: 5078, Name: "anycompatiblearray", SQL: "anycompatiblearray", Cat: 'P', Pref: false, Len: -1, index: 66, store: 's'}
	tAnycompatiblenonarray    = &Type{OID: 5079, Name: "anycompatiblenonarray", SQL: "anycompatiblenonarray", Cat: 'P', Pref: false, Len: 4, index: 67, store: 's'}
)

var baseTypes = [...]*Type{
	tBool, tBytea, tChar, tName, tInt8, tInt2, tInt2vector, tInt4, tRegproc, tText,
	tOid, tXid, tOidvector, tPgDdlCommand, tJson, tPgNodeTree, tTableAmHandler, tIndexAmHandler, tCidr, tFloat4,
	tFloat8, tUnknown, tMacaddr8, tInet, tAclitem, tBpchar, tVarchar, tDate, tTime, tTimestamp,
	tTimestamptz, tInterval, tTimetz, tNumeric, tRegprocedure, tRegoperator, tRegclass, tRegtype, tRecord, tCstring,
	tAny, tAnyarray, tVoid, tLanguageHandler, tAnyelement, tAnynonarray, tUuid, tTxidSnapshot, tFdwHandler, tTsmHandler,
	tPgNdistinct, tPgDependencies, tTsvector, tRegdictionary, tJsonb, tEventTrigger, tRegnamespace, tRegrole, tRegcollation, tAnymultirange,
	tAnycompatiblemultirange, tPgBrinBloomSummary, tPgBrinMinmaxMultiSummary, tPgMcvList, tXid8, tAnycompatible, tAnycompatiblearray, tAnycompatiblenonarray,
}

// arrayTypes are the arrays of baseTypes, in their order; some types have none.
var arrayTypes = [...]*Type{
	{OID: 1000, Name: "_bool", SQL: "boolean[]", Cat: 'A', Len: -1, Elem: tBool},
	{OID: 1001, Name: "_bytea", SQL: "bytea[]", Cat: 'A', Len: -1, Elem: tBytea},
	{OID: 1002, Name: "_char", SQL: "\"char\"[]", Cat: 'A', Len: -1, Elem: tChar},
	{OID: 1003, Name: "_name", SQL: "name[]", Cat: 'A', Len: -1, Elem: tName},
	{OID: 1016, Name: "_int8", SQL: "bigint[]", Cat: 'A', Len: -1, Elem: tInt8},
	{OID: 1005, Name: "_int2", SQL: "smallint[]", Cat: 'A', Len: -1, Elem: tInt2},
	{OID: 1006, Name: "_int2vector", SQL: "int2vector[]", Cat: 'A', Len: -1, Elem: tInt2vector},
	{OID: 1007, Name: "_int4", SQL: "integer[]", Cat: 'A', Len: -1, Elem: tInt4},
	{OID: 1008, Name: "_regproc", SQL: "regproc[]", Cat: 'A', Len: -1, Elem: tRegproc},
	{OID: 1009, Name: "_text", SQL: "text[]", Cat: 'A', Len: -1, Elem: tText},
	{OID: 1028, Name: "_oid", SQL: "oid[]", Cat: 'A', Len: -1, Elem: tOid},
	{OID: 1011, Name: "_xid", SQL: "xid[]", Cat: 'A', Len: -1, Elem: tXid},
	{OID: 1013, Name: "_oidvector", SQL: "oidvector[]", Cat: 'A', Len: -1, Elem: tOidvector},
	nil,
	{OID: 199, Name: "_json", SQL: "json[]", Cat: 'A', Len: -1, Elem: tJson},
	nil,
	nil,
	nil,
	{OID: 651, Name: "_cidr", SQL: "cidr[]", Cat: 'A', Len: -1, Elem: tCidr},
	{OID: 1021, Name: "_float4", SQL: "real[]", Cat: 'A', Len: -1, Elem: tFloat4},
	{OID: 1022, Name: "_float8", SQL: "double precision[]", Cat: 'A', Len: -1, Elem: tFloat8},
	nil,
	{OID: 775, Name: "_macaddr8", SQL: "macaddr8[]", Cat: 'A', Len: -1, Elem: tMacaddr8},
	{OID: 1041, Name: "_inet", SQL: "inet[]", Cat: 'A', Len: -1, Elem: tInet},
	{OID: 1034, Name: "_aclitem", SQL: "aclitem[]", Cat: 'A', Len: -1, Elem: tAclitem},
	{OID: 1014, Name: "_bpchar", SQL: "character[]", Cat: 'A', Len: -1, Elem: tBpchar},
	{OID: 1015, Name: "_varchar", SQL: "character varying[]", Cat: 'A', Len: -1, Elem: tVarchar},
	{OID: 1182, Name: "_date", SQL: "date[]", Cat: 'A', Len: -1, Elem: tDate},
	{OID: 1183, Name: "_time", SQL: "time without time zone[]", Cat: 'A', Len: -1, Elem: tTime},
	{OID: 1115, Name: "_timestamp", SQL: "timestamp without time zone[]", Cat: 'A', Len: -1, Elem: tTimestamp},
	{OID: 1185, Name: "_timestamptz", SQL: "timestamp with time zone[]", Cat: 'A', Len: -1, Elem: tTimestamptz},
	{OID: 1187, Name: "_interval", SQL: "interval[]", Cat: 'A', Len: -1, Elem: tInterval},
	{OID: 1270, Name: "_timetz", SQL: "time with time zone[]", Cat: 'A', Len: -1, Elem: tTimetz},
	{OID: 1231, Name: "_numeric", SQL: "numeric[]", Cat: 'A', Len: -1, Elem: tNumeric},
	{OID: 2207, Name: "_regprocedure", SQL: "regprocedure[]", Cat: 'A', Len: -1, Elem: tRegprocedure},
	{OID: 2209, Name: "_regoperator", SQL: "regoperator[]", Cat: 'A', Len: -1, Elem: tRegoperator},
	{OID: 2210, Name: "_regclass", SQL: "regclass[]", Cat: 'A', Len: -1, Elem: tRegclass},
	{OID: 2211, Name: "_regtype", SQL: "regtype[]", Cat: 'A', Len: -1, Elem: tRegtype},
	{OID: 2287, Name: "_record", SQL: "record[]", Cat: 'A', Len: -1, Elem: tRecord},
	{OID: 1263, Name: "_cstring", SQL: "cstring[]", Cat: 'A', Len: -1, Elem: tCstring},
	nil,
	nil,
	nil,
	nil,
	nil,
	nil,
	{OID: 2951, Name: "_uuid", SQL: "uuid[]", Cat: 'A', Len: -1, Elem: tUuid},
	{OID: 2949, Name: "_txid_snapshot", SQL: "txid snapshot[]", Cat: 'A', Len: -1, Elem: tTxidSnapshot},
	nil,
	nil,
	nil,
	nil,
	{OID: 3643, Name: "_tsvector", SQL: "tsvector[]", Cat: 'A', Len: -1, Elem: tTsvector},
	{OID: 3770, Name: "_regdictionary", SQL: "regdictionary[]", Cat: 'A', Len: -1, Elem: tRegdictionary},
	{OID: 3807, Name: "_jsonb", SQL: "jsonb[]", Cat: 'A', Len: -1, Elem: tJsonb},
	nil,
	{OID: 4090, Name: "_regnamespace", SQL: "regnamespace[]", Cat: 'A', Len: -1, Elem: tRegnamespace},
	{OID: 4097, Name: "_regrole", SQL: "regrole[]", Cat: 'A', Len: -1, Elem: tRegrole},
	{OID: 4192, Name: "_regcollation", SQL: "regcollation[]", Cat: 'A', Len: -1, Elem: tRegcollation},
	nil,
	nil,
	nil,
	nil,
	nil,
	{OID: 271, Name: "_xid8", SQL: "xid8[]", Cat: 'A', Len: -1, Elem: tXid8},
	nil,
	nil,
	nil,
}
