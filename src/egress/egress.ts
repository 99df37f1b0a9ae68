// The one way out: every outgoing request passes here, guarded, limited, with a deadline.

/** Limits of one outgoing request. Times in milliseconds, sizes in decoded bytes. */
export interface EgressLimits {
  /** Headers of the answer must be here. */
  readonly firstByte: number;
  /** Longest silence while the body flows. */
  readonly idle: number;
  /** The whole exchange. */
  readonly total: number;
  /** Size of the decoded body. */
  readonly maxBytes: number;
}

/** A request to send. `path` goes to the socket verbatim, with its query. Headers are complete: nothing is copied in. */
export interface EgressRequest {
  readonly method: string;
  /** `https://host:port`, without a path. */
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly limits: EgressLimits;
}

/** An answer. The body is decoded (gzip, br, zstd), counted, and ends with an {@link EgressError} when a limit is hit. */
export interface EgressAnswer {
  readonly status: number;
  /** Names in lower case; a name that came twice holds all values. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Sends one request within the rules of its destination. Throws {@link EgressError}; the signal's reason on abort. */
export type Send = (request: EgressRequest, signal: AbortSignal) => Promise<EgressAnswer>;

/** Why an outgoing request failed. */
export type EgressFailure =
  | 'address_refused'
  | 'insecure_server'
  | 'dns_failed'
  | 'unreachable'
  | 'connect_timeout'
  | 'tls_failed'
  | 'timeout'
  | 'reset'
  | 'truncated'
  | 'too_large'
  | 'bad_answer'
  | 'bad_encoding'
  | 'loop_detected'
  | 'redirect_refused';

/** A failed outgoing request. The message may name hosts and addresses: it is for the operator, never for the model. */
export class EgressError extends Error {
  override readonly name = 'EgressError';
  readonly failure: EgressFailure;
  /** A reused socket failed before any byte of the answer: the one case in which a POST may be sent again. */
  readonly reusedSocket: boolean;

  constructor(
    failure: EgressFailure,
    message: string,
    options: { cause?: unknown; reusedSocket?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.failure = failure;
    this.reusedSocket = options.reusedSocket ?? false;
  }
}
