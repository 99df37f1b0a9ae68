// What the model reads of an answer (`openapi.md` section 8, cases 96 to 98).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';

import { errorResult, shapeResult, type PluginAnswer } from '../../src/plugin/result.ts';

interface Given {
  readonly status?: number;
  readonly type?: string;
  readonly method?: string;
  readonly headers?: PluginAnswer['headers'];
  readonly characters?: number;
  readonly secrets?: readonly string[];
}

function shape(body: string | Uint8Array, given: Given = {}): string {
  const { status = 200, type = 'application/json', method = 'GET', characters = 1000, secrets = [] } = given;
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const headers = given.headers ?? { 'content-type': type };
  return shapeResult({ status, headers, body: bytes, method }, { characters, secrets });
}

/** The error that the model reads. */
function error(body: string | Uint8Array, given: Given): Record<string, unknown> {
  return (JSON.parse(shape(body, given)) as { error: Record<string, unknown> }).error;
}

interface Cut {
  truncated: {
    characters: number;
    arrays?: Record<string, unknown>;
    objects?: Record<string, unknown>;
    strings?: number;
  };
  data: unknown;
}

describe('JSON (R1)', () => {
  test('blanks go, numbers and strings stay as they were written (R1)', () => {
    const text = '{ "id": 12345678901234567890,\n\t"list": [1.0, 2e5, "a  b\\u0041"] }';
    assert.equal(shape(text), '{"id":12345678901234567890,"list":[1.0,2e5,"a  b\\u0041"]}');
  });

  for (const type of [
    'application/problem+json',
    'text/json; charset=utf-8',
    'text/plain',
    'text/html',
    '',
  ]) {
    test(`JSON called ${type || 'nothing'} is JSON (R1, R9)`, () =>
      assert.equal(shape('[1, 2]', { type }), '[1,2]'));
  }

  test('a scalar is JSON too (R1)', () => assert.equal(shape(' 5 '), '5'));
});

describe('cutting JSON (R2, case 98)', () => {
  const results = Array.from({ length: 250 }, (_, id) => ({ id, title: `Paper ${id}`, tags: ['a', 'b'] }));

  test('array tails go first; the notice says how many of how many are shown (R2)', () => {
    const text = JSON.stringify({ total: 250, results });
    const cut = JSON.parse(shape(text)) as Cut & { data: { results: unknown[] } };
    const shown = cut.data.results.length;
    assert.ok(shown > 10);
    assert.deepEqual(cut.truncated, {
      characters: text.length,
      arrays: { '/results': { shown, total: 250 } },
    });
    assert.deepEqual(cut.data, { total: 250, results: results.slice(0, shown) });
  });

  test('a long string is cut to what fits (R2)', () => {
    const cut = JSON.parse(
      shape(JSON.stringify({ text: 'word '.repeat(10_000), n: 1 }), { characters: 5000 }),
    ) as Cut;
    const { text, n } = cut.data as { text: string; n: number };
    assert.ok(text.length > 4500);
    assert.match(text, /\.\.\. \[\d+ more characters\]$/);
    assert.equal(n, 1);
  });

  test('strings are not cut while shorter arrays do (R2)', () => {
    const text = JSON.stringify(Array.from({ length: 20 }, () => 'x'.repeat(3000)));
    const cut = JSON.parse(shape(text, { characters: 10_000 })) as Cut;
    assert.deepEqual(cut.truncated.arrays, { '': { shown: 3, total: 20 } });
    assert.equal(cut.truncated.strings, undefined);
  });

  test('of a large map some members are shown (R2)', () => {
    const text = JSON.stringify(
      Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`key${at}`, { at }])),
    );
    const cut = JSON.parse(shape(text)) as Cut;
    assert.ok(Object.keys(cut.data as object).length > 20);
    assert.deepEqual((cut.truncated.objects?.[''] as { total: number }).total, 5000);
  });

  test('digits stay exact in what is shown (R2)', () => {
    const text = `{"id":12345678901234567890,"pad":"${'x'.repeat(5000)}"}`;
    assert.match(shape(text, { characters: 3000 }), /"id":12345678901234567890,/);
  });

  test('whatever JSON and room: within the room, valid where there is room for a notice, the same twice (R2, R9)', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.integer({ min: 200, max: 2000 }), (value, characters) => {
        const text = JSON.stringify({ pad: Array.from({ length: 40 }, () => value) });
        const cut = shape(text, { characters });
        assert.ok(cut.length <= characters);
        assert.equal(cut, shape(text, { characters }));
        if (text.length > characters && cut.startsWith('{"truncated"')) JSON.parse(cut);
      }),
    );
  });

  test('100,000 levels cost no stack (R2)', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    assert.ok(shape(deep).length <= 1000);
  });

  test('1 MiB is cut in well under a second', () => {
    const text = JSON.stringify(
      Array.from({ length: 9000 }, (_, id) => ({ id, text: 'x'.repeat(100), tags: [1, 2] })),
    );
    const start = performance.now();
    const cut = JSON.parse(shape(text, { characters: 100_000 })) as Cut;
    assert.ok(performance.now() - start < 1000);
    assert.ok(Array.isArray(cut.data) && cut.data.length > 500);
  });
});

describe('no content (R3)', () => {
  for (const status of [200, 202, 204, 205]) {
    test(`an empty ${status} is a success (R3)`, () => {
      assert.equal(shape('', { status }), `{"status":${status},"result":"success, no content"}`);
    });
  }

  test('HEAD: status and content headers, no others (R3)', () => {
    const headers = {
      'content-type': 'text/plain',
      'content-length': '5',
      'set-cookie': ['a=b'],
      server: 'x',
    };
    const expected = '{"status":200,"headers":{"content-type":"text/plain","content-length":"5"}}';
    assert.equal(shape('', { method: 'HEAD', headers }), expected);
  });
});

describe('text (R4, R5)', () => {
  test('text, CSV, XML and YAML are as they are (R4)', () => {
    for (const type of ['text/plain', 'text/csv', 'application/xml', 'application/yaml', 'image/svg+xml']) {
      assert.equal(shape('<a>b, c</a>\n', { type }), '<a>b, c</a>\n');
    }
  });

  test('long text is cut at a line and says how much is left out (R4)', () => {
    const text = Array.from({ length: 200 }, (_, at) => `line ${at}`).join('\n');
    const cut = shape(text, { type: 'text/plain', characters: 300 });
    const [, shown = '', left] = /^([^]*)\n\[(\d+) more characters left out\]$/.exec(cut) ?? [];
    assert.ok(cut.length <= 300);
    assert.ok(text.startsWith(`${shown}\n`));
    assert.equal(shown.length + Number(left), text.length);
  });

  test('a cut leaves no half character (R4)', () => {
    for (let characters = 100; characters < 110; characters += 1) {
      assert.ok(shape('😀'.repeat(200), { type: 'text/plain', characters }).isWellFormed());
    }
  });

  test('HTML is read as text, without scripts, styles and tags (R4)', () => {
    const html =
      '<!DOCTYPE html><html><head><title>A &amp; B</title><style>p{}</style><script>if (a<b) {}</script></head>' +
      '<body><!-- no --><h1>Hi</h1><p title="a>b">one<br>two&#39;s &#x20AC; &unknown;</p><ul><li>x<li>y</ul>1 < 2</body>';
    assert.equal(shape(html, { type: 'text/html' }), "A & B\n\nHi\n\none\ntwo's € &unknown;\n\nx\ny\n1 < 2");
  });

  test('HTML that calls itself JSON is read as text (R9)', () => {
    assert.equal(shape('<!doctype html><p>Login</p>'), 'Login');
  });

  test('broken HTML takes no longer than its length asks for', () => {
    const start = performance.now();
    for (const piece of ['<', '<a b="', '<script>', '<!--', '&#', '</']) {
      shape(piece.repeat(100_000), { type: 'text/html' });
    }
    assert.ok(performance.now() - start < 2000);
  });

  test('NDJSON is as it is; of an event stream the data is shown (R5)', () => {
    assert.equal(shape('{"a": 1}\n{"a": 2}\n', { type: 'application/x-ndjson' }), '{"a": 1}\n{"a": 2}\n');
    const events = ': hi\r\nevent: x\r\ndata: {"a":1}\r\n\r\ndata:b\n\ndata: [DONE]\n\n';
    assert.equal(shape(events, { type: 'text/event-stream' }), '{"a":1}\nb');
  });

  test('the charset is as declared, by its mark, else UTF-8; bad bytes are U+FFFD (R9)', () => {
    const latin = Buffer.from('é', 'latin1');
    assert.equal(shape(latin, { type: 'text/plain; charset="ISO-8859-1"' }), 'é');
    assert.equal(shape(latin, { type: 'text/plain; charset=nonsense' }), '\ufffd');
    assert.equal(shape(Buffer.from('\ufeffé'), { type: 'text/plain' }), 'é');
    assert.equal(shape(Buffer.from('\ufeffé', 'utf16le'), { type: 'text/plain' }), 'é');
  });
});

describe('binary (R6)', () => {
  const png = Buffer.from('\x89PNG\r\n\x1a\n\0\0', 'latin1');

  test('binary is described, never shown (R6)', () => {
    assert.equal(
      shape(png, { type: 'image/png' }),
      '{"status":200,"binary":{"type":"image/png","bytes":10}}',
    );
  });

  test('binary that calls itself JSON or text is found out (R9)', () => {
    for (const type of ['application/json', 'text/plain', '', 'application/octet-stream']) {
      assert.match(shape(png, { type }), /"type":"image\/png"/);
      assert.match(shape(Buffer.from([1, 0, 2]), { type }), /"type":"application\/octet-stream"/);
    }
  });

  test('text that calls itself binary is shown (R9)', () => {
    assert.equal(shape('{"a": 1}', { type: 'application/octet-stream' }), '{"a":1}');
    assert.equal(shape('hello', { type: 'binary/octet-stream' }), 'hello');
  });
});

describe('errors (R7, R8, case 96)', () => {
  test('status, whether to try again, and what the plugin said (R7)', () => {
    assert.deepEqual(error('{"detail": "no such id"}', { status: 422 }), {
      code: 'plugin_http_error',
      status: 422,
      retryable: false,
      body: { detail: 'no such id' },
    });
    assert.equal(error('<html><body>Busy</body></html>', { status: 503, type: 'text/html' })['body'], 'Busy');
    assert.equal(error('', { status: 503 })['retryable'], true);
  });

  test('a body is at most 2,000 characters (R7)', () => {
    const { body } = error(JSON.stringify({ a: 'x'.repeat(5000) }), { status: 500, characters: 10_000 });
    assert.ok(typeof body === 'string' && body.length <= 2000);
  });

  test('what a plugin says about a credential is for the operator alone (M12)', () => {
    for (const status of [401, 403]) assert.equal(error('{"token":"abc"}', { status })['body'], undefined);
  });

  test('a redirect is named, not followed; its target is not shown (B15)', () => {
    const headers = { location: 'http://10.0.0.1/' };
    assert.ok(!shape('', { status: 302, headers }).includes('10.0.0.1'));
  });

  const secret = 'sk/ecret+"key" ü';
  const forms = {
    plain: secret,
    base64: Buffer.from(secret).toString('base64'),
    hex: Buffer.from(secret).toString('hex'),
    'URL-encoded': encodeURIComponent(secret),
    JSON: JSON.stringify(secret),
  };
  for (const [form, text] of Object.entries(forms)) {
    test(`no result shows a secret, ${form} (S1, S5)`, () => {
      for (const status of [200, 400]) {
        const result = shape(`before ${text} after`, { status, type: 'text/plain', secrets: [secret] });
        assert.match(result, /before .*\[redacted\].* after/);
      }
    });
  }

  test('a secret in JSON leaves valid JSON', () => {
    const result = shape(JSON.stringify({ echo: secret, list: [1] }), { secrets: [secret] });
    assert.deepEqual(JSON.parse(result), { echo: '[redacted]', list: [1] });
  });

  test('no half of a secret is left by a cut (S5)', () => {
    const text = `${'x'.repeat(930)}${'s3cret'.repeat(20)}`;
    assert.ok(!shape(text, { type: 'text/plain', secrets: ['s3cret'.repeat(20)] }).includes('s3cret'));
  });

  test('errorResult has one shape (A5, R8)', () => {
    assert.equal(
      errorResult('plugin_timeout', { retryable: true }),
      '{"error":{"code":"plugin_timeout","retryable":true}}',
    );
  });
});
