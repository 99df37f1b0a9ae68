// Reads a multipart/form-data body as RFC 7578 describes it.

/** One part as it came. */
export interface ReadPart {
  readonly name: string;
  readonly fileName: string | null;
  readonly type: string | null;
  readonly content: Buffer;
}

/** The parts of a body. Throws when it is not well-formed. */
export function readMultipart(body: Buffer, contentType: string): ReadPart[] {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (boundary === undefined) throw new Error('no boundary');
  const mark = Buffer.from(`--${boundary}`);
  const parts: ReadPart[] = [];
  let start = body.indexOf(mark);
  if (start !== 0) throw new Error('the body does not begin with its boundary');
  for (;;) {
    start += mark.length;
    if (body.subarray(start, start + 2).toString() === '--') return parts;
    if (body.subarray(start, start + 2).toString() !== '\r\n')
      throw new Error('no line end after a boundary');
    const end = body.indexOf(Buffer.concat([Buffer.from('\r\n'), mark]), start);
    if (end < 0) throw new Error('the last boundary is missing');
    parts.push(readPart(body.subarray(start + 2, end)));
    start = end + 2;
  }
}

function readPart(part: Buffer): ReadPart {
  const gap = part.indexOf('\r\n\r\n');
  if (gap < 0) throw new Error('a part without an empty line');
  const headers = new Map(
    part
      .subarray(0, gap)
      .toString('utf8')
      .split('\r\n')
      .map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
  );
  const disposition = headers.get('content-disposition') ?? '';
  const name = /[; ]name="([^"]*)"/.exec(disposition)?.[1];
  if (!disposition.startsWith('form-data') || name === undefined)
    throw new Error(`a part without a name: ${disposition}`);
  const decode = (text: string) =>
    text.replaceAll('%22', '"').replaceAll('%0D', '\r').replaceAll('%0A', '\n');
  const fileName = /filename="([^"]*)"/.exec(disposition)?.[1];
  return {
    name: decode(name),
    fileName: fileName === undefined ? null : decode(fileName),
    type: headers.get('content-type') ?? null,
    content: part.subarray(gap + 4),
  };
}
