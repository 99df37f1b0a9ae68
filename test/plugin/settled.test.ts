// What manifest and settings say together.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PluginSettings } from '../../src/config/schema.ts';
import type { Manifest, ManifestAuth } from '../../src/plugin/manifest.ts';
import { reportCredential, settleCredential, settleHeaders, settleParams } from '../../src/plugin/settled.ts';

const plain: Manifest = {
  nameForModel: 'todo',
  nameForHuman: 'To do',
  descriptionForModel: '',
  descriptionForHuman: '',
  auth: { type: 'none' },
  apiUrl: null,
  logoUrl: null,
  contactEmail: null,
  legalInfoUrl: null,
  params: {},
  headers: {},
  userIdHeader: null,
  domain: null,
};
const oauth: ManifestAuth = {
  type: 'oauth',
  clientUrl: '',
  authorizationUrl: '',
  scope: '',
  contentType: '',
};
const service = (verificationToken: string | null): ManifestAuth => ({
  type: 'service_http',
  scheme: 'bearer',
  verificationToken,
});

function settings(more: Partial<PluginSettings>): PluginSettings {
  return {
    params: {},
    headers: {},
    operations: { include: [], exclude: [] },
    timeout: '45s',
    egress: [],
    changes: 'safe',
    redirects: false,
    ...more,
  };
}

describe('params (M13, M16)', () => {
  test('the operator is laid over the manifest name by name, null included', () => {
    const manifest = { ...plain, params: { a: 1, b: 2, c: 3 } };
    const params = settleParams(manifest, settings({ params: { b: null, d: [4] } }));
    assert.deepEqual(
      [...params],
      [
        ['a', 1],
        ['b', null],
        ['c', 3],
        ['d', [4]],
      ],
    );
  });

  test('names of Object are names like others (D8)', () => {
    const manifest = {
      ...plain,
      params: JSON.parse('{"__proto__":1,"constructor":2}') as Manifest['params'],
    };
    assert.deepEqual([...settleParams(manifest, undefined).keys()], ['__proto__', 'constructor']);
  });
});

describe('headers (M17, A10)', () => {
  for (const name of [
    'Host',
    'connection',
    'Content-Length',
    'x-forwarded-for',
    'X-Plugin-Trace',
    'proxy-x',
    'bad name',
    '',
  ]) {
    test(`${JSON.stringify(name)} cannot be set, by manifest, operator or as the user id`, () => {
      for (const settled of [
        settleHeaders({ ...plain, headers: { [name]: 'x' } }, undefined, 's'),
        settleHeaders(plain, settings({ headers: { [name]: 'x' } }), 's'),
        settleHeaders({ ...plain, userIdHeader: name }, undefined, 's'),
      ]) {
        assert.deepEqual([...settled.headers], []);
        assert.equal(settled.userIdHeader, null);
        assert.deepEqual(
          settled.diagnostics.map(({ code, severity }) => [code, severity]),
          [['header-refused', 'error']],
        );
      }
    });
  }

  test('names are compared without regard to case; numbers and booleans become text', () => {
    const manifest = { ...plain, headers: { 'X-A': '1', 'X-B': '2' } };
    const { headers } = settleHeaders(manifest, settings({ headers: { 'x-a': true, 'X-C': 3 } }), 's');
    assert.deepEqual(
      [...headers],
      [
        ['x-a', 'true'],
        ['x-b', '2'],
        ['x-c', '3'],
      ],
    );
  });
});

describe('the credential (section 1.1)', () => {
  const cases: [
    what: string,
    auth: ManifestAuth,
    given: PluginSettings['credential'],
    sent: string | null,
    required: boolean,
  ][] = [
    ['none, nothing given', { type: 'none' }, undefined, null, false],
    ['none, given: goes where the document says', { type: 'none' }, 'own', 'own', false],
    ['service_http, token', service('token'), undefined, 'token', true],
    ['service_http, token and given: given wins', service('token'), 'own', 'own', true],
    ['service_http, neither', service(null), undefined, null, true],
    ['user_http, nothing given', { type: 'user_http', scheme: 'basic' }, undefined, null, true],
    ['user_http, given for all', { type: 'user_http', scheme: 'basic' }, 'own', 'own', true],
    ['oauth, given for all', oauth, 'own', 'own', true],
  ];
  for (const [what, auth, given, sent, required] of cases) {
    test(what, () => {
      const credential = settleCredential(
        { auth, headers: {} },
        given === undefined ? undefined : settings({ credential: given }),
      );
      assert.equal(credential?.manifest?.value ?? credential?.shared ?? null, sent);
      assert.equal(credential?.required, required);
    });
  }

  test('oauth without one needs a login; its verification token is never sent (M7)', () => {
    assert.equal(settleCredential({ ...plain, auth: oauth }, undefined), null);
  });

  test("the operator's headers win over it; the manifest's only over its own verification token (M20)", () => {
    const headers = { 'X-Manifest': 'm', Authorization: 'Basic hard' };
    const stronger = (auth: ManifestAuth, given: Partial<PluginSettings>) => [
      ...(settleCredential({ auth, headers }, settings(given))?.strongerHeaders ?? []),
    ];
    assert.deepEqual(stronger(service('token'), {}), ['x-manifest', 'authorization']);
    const own = { headers: { 'X-Own': 1 } };
    assert.deepEqual(stronger(service('token'), own), ['x-own', 'x-manifest', 'authorization']);
    for (const auth of [service('token'), oauth, { type: 'none' }] as const)
      assert.deepEqual(stronger(auth, { ...own, credential: 'c' }), ['x-own']);
  });

  test('the token is announced only where it is sent', () => {
    const codes = (given: Partial<PluginSettings>) => {
      const credential = settleCredential({ auth: service('token'), headers: {} }, settings(given));
      return reportCredential(credential, new Map(), settings(given), 's').map(({ code }) => code);
    };
    assert.deepEqual(codes({}), ['verification-token-sent']);
    assert.deepEqual(codes({ credential: 'c', headers: { 'X-Own': 1 } }), []);
  });

  test('a map names one per security scheme of the document (B12)', () => {
    const credential = settleCredential(plain, settings({ credential: { key: 'a', constructor: 'b' } }));
    assert.deepEqual(
      [...(credential?.schemes ?? [])],
      [
        ['key', 'a'],
        ['constructor', 'b'],
      ],
    );
  });
});
