-- Why: the table that GrowthBook reads, exactly as the architecture defines it. A table made by hand from the same
-- definition is adopted as it stands. Redshift does not enforce the key: gbx consume keeps ids unique by itself.
CREATE SCHEMA IF NOT EXISTS growthbook;

CREATE TABLE IF NOT EXISTS growthbook.experiment_exposures (
  exposure_id VARCHAR(64) PRIMARY KEY,
  ds_user_id VARCHAR(128) NOT NULL,
  experiment_id VARCHAR(128) NOT NULL,
  variation_id VARCHAR(64) NOT NULL,
  ts TIMESTAMP NOT NULL,
  attributes SUPER,
  source VARCHAR(32) DEFAULT 'python_sdk',
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
