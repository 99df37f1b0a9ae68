// OpenAI's own description of a request to /v1/responses, as a check for the requests that we make.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Validator } from '@cfworker/json-schema';
import { load } from 'js-yaml';
import type { JsonObject } from '../src/openai/chat.ts';
import { sharedFolder } from './shared-data.ts';

/** Makes the check, which takes a second; it does nothing without the shared data. */
export function createResponsesCheck(): (request: unknown, what: string) => void {
  const folder = sharedFolder();
  if (folder === null) return () => undefined;
  const { components } = load(readFileSync(`${folder}/openai-api/openapi.yml`, 'utf8')) as JsonObject;
  const schema = { $ref: '#/components/schemas/CreateResponse', components };
  const validator = new Validator(schema, '2020-12', true);
  return (request, what) => {
    const { valid, errors } = validator.validate(request);
    assert.ok(valid, `${what}: ${JSON.stringify(errors.slice(-3))}`);
  };
}
