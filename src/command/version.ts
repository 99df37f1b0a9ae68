// The version of this gateway, from its package.json.
import description from '../../package.json' with { type: 'json' };

/** The version as published, such as `0.1.0`. */
export const version: string = description.version;
