-- Fed to one psql that stays: every few seconds, workers of replication that are not running are started.
SELECT crossborder.reconnect() \watch 3
