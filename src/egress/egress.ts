// The one way out: every outgoing request passes here, guarded, limited, with a deadline.

import type { Readable } from 'node:stream';

/** Limits of one outgoing request. Times in milliseconds, sizes in decoded bytes; `Infinity` is none. */
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
  /** A stream is sent as it comes; it is destroyed when the exchange fails. */
  readonly body?: string | Uint8Array | Readable;
  /** The answer may flow for minutes: bytes are not held longer than it takes to send them. */
  readonly lasting?: boolean;
  readonly limits: EgressLimits;
}

/** What is known of a request until its answer has ended: not its body, which may be megabytes. */
export type Asked = Pick<EgressRequest, 'method' | 'origin' | 'limits'>;

/** An answer. The body is decoded (gzip, br, zstd), counted, and ends with an {@link EgressError} when a limit is hit. */
export interface EgressAnswer {
  readonly status: number;
  /** Names in lower case; a name that came twice holds all values. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: AnswerBytes;
}

/** The bytes of an answer, read once. */
export interface AnswerBytes extends AsyncIterable<Uint8Array> {
  /** Sets who hears the bytes that come while the reader waits. Absent: the reader alone gets them. */
  readonly listen?: (listener: BytesListener) => void;
}

/** Hears bytes at once: a reader that waits is many promises away, which thousands of slow streams would pay for. */
export interface BytesListener {
  /** Whether it can take bytes now. */
  readonly ready: () => boolean;
  /** Takes bytes. `false`: the reader has to wake up; it gets the same bytes, and knows that they were seen. */
  readonly hear: (bytes: Uint8Array) => boolean;
}

/** Sends one request within the rules of its destination. Throws {@link EgressError}; the signal's reason on abort. */
export type Send = (request: EgressRequest, signal: AbortSignal) => Promise<EgressAnswer>;

/**
 * Fetches a manifest or a document. Redirects are followed to the same host or below, three at most, each checked
 * anew (`security.md` E6). The answer says where it came from in the end.
 */
export type SendDocument = (
  request: EgressRequest,
  signal: AbortSignal,
) => Promise<EgressAnswer & { readonly url: string }>;

/** The ways out, one per kind of destination. */
export interface Egress {
  /**
   * For the API calls of one plugin: public addresses over https, and what `allow` names besides the operator's
   * common list (E5). Throws {@link AllowListError} for an entry that cannot be read.
   */
  readonly plugin: (name: string, allow: readonly string[]) => Send;
  /** For manifests and documents; the same rules. `allow`: the plugin's own entries, where the plugin is known. */
  readonly document: (allow?: readonly string[]) => SendDocument;
  /** For an upstream: the operator's URL, any address but our own (E1, E7). Other origins are refused. */
  readonly upstream: (name: string, url: string) => Send;
  /** Cuts everything that is under way. */
  readonly close: () => Promise<void>;
}

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
