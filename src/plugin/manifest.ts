// A ChatGPT plugin manifest (`ai-plugin.json`), read tolerantly and typed.
import type { Json } from '../openai/chat.ts';

/** How a plugin is authenticated (`openapi.md` section 1.1). */
export type ManifestAuth =
  | { readonly type: 'none' }
  | { readonly type: 'user_http'; readonly scheme: 'bearer' | 'basic' }
  | {
      readonly type: 'service_http';
      readonly scheme: 'bearer' | 'basic';
      readonly verificationToken: string | null;
    }
  | {
      readonly type: 'oauth';
      readonly clientUrl: string;
      readonly authorizationUrl: string;
      readonly scope: string;
      readonly contentType: string;
    };

/** A manifest with everything that the gateway reads. Frozen. */
export interface Manifest {
  readonly nameForModel: string;
  readonly nameForHuman: string;
  readonly descriptionForModel: string;
  readonly descriptionForHuman: string;
  readonly auth: ManifestAuth;
  /** `api.url` as written: a URL, a path on the manifest's origin, or the name of a local file. */
  readonly apiUrl: string | null;
  readonly logoUrl: string | null;
  readonly contactEmail: string | null;
  readonly legalInfoUrl: string | null;
  /** LibreChat's `params`, over which `settings.params` is laid. */
  readonly params: Readonly<Record<string, Json>>;
  /** LibreChat's `headers` without `librechat_user_id`, values as text. */
  readonly headers: Readonly<Record<string, string>>;
  /** Name of the header that carries the consumer's id (LibreChat's `librechat_user_id`). */
  readonly userIdHeader: string | null;
  /** Domain of the store wrapper, the manifest's origin when it has none of its own. */
  readonly domain: string | null;
}
