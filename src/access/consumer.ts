// Who calls: from the key that a caller shows to a consumer.

/** Who calls. */
export interface Consumer {
  /** The configured name; `anonymous` when no consumers are configured. Also the user id sent to plugins. */
  readonly name: string;
  /** Granted plugins and operations (`todo`, `todo.addItem`, `todo.*`, `*`). */
  readonly plugins: readonly string[];
  /**
   * What separates this caller's stored data from another's: the consumer's name, or, without consumers, a digest of
   * the caller's own upstream key.
   */
  readonly partition: string;
  /** The caller's own `Authorization`, sent on to an upstream without a key. Only without consumers. */
  readonly authorization: string | null;
}
