-- The users of MLFLOW_AUTH; made at once, so that it can be turned on at any time.
CREATE DATABASE IF NOT EXISTS mlflow_auth CHARACTER SET utf8mb4;
GRANT ALL ON mlflow_auth.* TO 'mlflow'@'%';
