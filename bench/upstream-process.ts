// The far side of the benchmark, a process of its own: an upstream that answers at once, and a plugin's API.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { says } from './answers.ts';
import { askedFirstText, playFirstText } from './first-text.ts';

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const asked = Buffer.concat(chunks);
    const firstText = askedFirstText(asked);
    if (firstText) {
      void playFirstText(firstText, response);
      return;
    }
    const { contentType, body } = says(request.url ?? '', asked);
    response.writeHead(200, { 'content-type': contentType, 'content-length': body.length });
    response.end(body);
  });
});

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
