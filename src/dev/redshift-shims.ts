// What lets Redshift's DDL and SQL run on PostgreSQL unchanged. One statement a line: that is how `postgres --single`
// reads them, and any client may send the lines as one query.
// They show none of Redshift's differences: keys are enforced here, and byte limits of SUPER are not.

export const REDSHIFT_SHIMS = [
  'CREATE DOMAIN super AS jsonb;',
  'CREATE FUNCTION json_parse(text) RETURNS super LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT $1::jsonb::super $$;',
  '',
].join('\n');
