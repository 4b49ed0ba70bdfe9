/** Where the server writes its log, and how the names of its files begin. */
export const LOG_DIRECTORY = "/var/log/postgresql";
export const LOG_PREFIX = "crossborder-";

/**
 * What `postgresql.conf` has to say for the conflicts to be found in the server's log, by parameter. The server's own
 * collector writes the log as JSON (PostgreSQL 15, 20.8.4): a conflict quotes rows, and only JSON keeps their line ends
 * apart from the log's. Messages are in English, because pglogical's are read by their words. Each file has a name of its
 * own, so that none is written over before it was read; files that were read are removed by the reader.
 *
 * `logging_collector` needs a restart of the server, the others a reload.
 */
export function collectorParameters(): Readonly<Record<string, string>> {
  return {
    logging_collector: "on",
    log_destination: "jsonlog",
    log_directory: LOG_DIRECTORY,
    log_filename: `${LOG_PREFIX}%Y-%m-%d_%H%M%S.log`,
    log_file_mode: "0640",
    log_rotation_age: "1d",
    log_rotation_size: "64MB",
    log_truncate_on_rotation: "off",
    log_timezone: "UTC",
    // The messages of level LOG, which the conflicts have, are written from `warning` down to `log`.
    log_min_messages: "warning",
    log_error_verbosity: "default",
    lc_messages: "C",
    "pglogical.conflict_log_level": "log",
  };
}
