// The gateway that anyone would write first: Fastify, the `openai` client, JSON. It has the loop, and nothing around it.
import { readFile } from 'node:fs/promises';
import Fastify from 'fastify';
import OpenAI from 'openai';

type Chat = OpenAI.ChatCompletionCreateParamsNonStreaming;
type Call = OpenAI.ChatCompletionMessageFunctionToolCall;
const { PORT, UPSTREAM, API = '', TOOLS = '' } = process.env;
const openai = new OpenAI({ baseURL: UPSTREAM, apiKey: 'sk-naive', maxRetries: 0 });
const tools = JSON.parse(await readFile(TOOLS, 'utf8')) as OpenAI.ChatCompletionTool[];
const server = Fastify({ bodyLimit: 8 * 1024 * 1024 });

server.post('/v1/chat/completions', async (request, reply) => {
  const chat = request.body as Chat & { stream?: boolean };
  const messages = [...chat.messages];
  if (chat.stream) reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
  for (;;) {
    const answer = chat.stream
      ? await relay({ ...chat, messages, tools }, (text) => reply.raw.write(text))
      : await openai.chat.completions.create({ ...chat, messages, tools });
    const message = answer.choices[0]?.message;
    if (!message?.tool_calls?.length) return chat.stream ? reply.raw.end('data: [DONE]\n\n') : answer;
    messages.push(message, ...(await Promise.all(message.tool_calls.map((call) => perform(call as Call)))));
  }
});

async function relay(chat: Chat, write: (text: string) => void): Promise<OpenAI.ChatCompletion> {
  const stream = openai.chat.completions.stream({ ...chat, stream: true });
  for await (const chunk of stream) {
    const choice = chunk.choices[0];
    if (choice?.delta.tool_calls || choice?.finish_reason === 'tool_calls') continue;
    write(`data: ${JSON.stringify(chunk)}\n\n`);
  }
  return stream.finalChatCompletion();
}

async function perform({ id, function: { name, arguments: input } }: Call) {
  const query = new URLSearchParams(JSON.parse(input) as Record<string, string>);
  const answer = await fetch(`${API}${name.replace('bench__', '')}?${query.toString()}`);
  return { role: 'tool' as const, tool_call_id: id, content: await answer.text() };
}

await server.listen({ port: Number(PORT) });
