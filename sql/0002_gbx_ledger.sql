-- Why: up to which offset each partition is loaded, written in the same transaction as the rows: this, not the consumer
-- group, decides what is loaded next. No key is declared: Redshift would believe it without enforcing it, and gbx checks
-- for a partition that stands here twice. last_record_* tell a topic that was deleted and made anew.
CREATE TABLE growthbook.gbx_ledger (
  cluster_id VARCHAR(128) NOT NULL,
  consumer_group VARCHAR(255) NOT NULL,
  topic VARCHAR(249) NOT NULL,
  partition_id INTEGER NOT NULL,
  next_offset BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  owner VARCHAR(64) NOT NULL,
  host VARCHAR(255) NOT NULL,
  last_record_ms BIGINT,
  last_record_hash VARCHAR(16),
  updated_at TIMESTAMP NOT NULL
);
