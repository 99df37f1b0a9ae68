// The bookshop of the samples, behind a bearer token. Described by well-known/openapi/bookshop.yaml.
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** The token that the shop asks for; `well-known/bookshop.json` holds it. It guards nothing but invented books. */
const shopToken = 'sample-bookshop-token';

interface Book {
  readonly bookId: string;
  readonly title: string;
  readonly author: string;
  readonly genre: string;
  /** In euro. */
  readonly price: number;
  readonly stock: number;
  readonly about: string;
}

interface OrderRequest {
  items: { bookId: string; quantity?: number }[];
  giftWrap?: boolean;
  note?: string;
  currency?: string;
}

const rates = new Map([
  ['EUR', 1],
  ['USD', 1.1],
  ['GBP', 0.85],
]);
const currencies = [...rates.keys()];
const maxOrders = 1000;

const catalogue: readonly Book[] = [
  [
    'salt-roads',
    'The Salt Roads North',
    'Ida Marrow',
    'travel',
    18.5,
    4,
    'On foot along old trade roads to the sea.',
  ],
  [
    'harbour-light',
    'A Light Above the Harbour',
    'Tomas Venn',
    'novel',
    14,
    12,
    'A lighthouse keeper and the sea.',
  ],
  [
    'quiet-engine',
    'The Quiet Engine',
    'Ruth Alderley',
    'science',
    24.9,
    3,
    'How living cells turn food into work.',
  ],
  [
    'bread-and-time',
    'Bread and Time',
    'Olek Marrow',
    'cooking',
    29,
    7,
    'Forty loaves, from rye to flatbread.',
  ],
  [
    'paper-empire',
    'The Paper Empire',
    'Lin Castellan',
    'history',
    21,
    0,
    'How paper mills changed a continent.',
  ],
  ['nine-winters', 'Nine Winters', 'Ida Marrow', 'novel', 12.5, 9, 'Three sisters in a mountain village.'],
  [
    'soup-atlas',
    'An Atlas of Soups',
    'Nadia Brook',
    'cooking',
    16,
    5,
    'Soups of the world for small kitchens.',
  ],
  [
    'tide-tables',
    'Tide Tables',
    'Tomas Venn',
    'science',
    19.9,
    2,
    'Why the sea rises and falls, for everyone.',
  ],
].map(([bookId, title, author, genre, price, stock, about]) => ({
  bookId: String(bookId),
  title: String(title),
  author: String(author),
  genre: String(genre),
  price: Number(price),
  stock: Number(stock),
  about: String(about),
}));
const books = new Map(catalogue.map((book) => [book.bookId, book]));

const currency = { type: 'string', enum: currencies } as const;
const searchQuery = {
  type: 'object',
  properties: {
    query: { type: 'string', maxLength: 100 },
    genre: { type: 'string', enum: ['novel', 'history', 'cooking', 'travel', 'science'] },
    maxPrice: { type: 'number', minimum: 0 },
    inStock: { type: 'boolean' },
    currency,
  },
} as const;
const orderBody = {
  type: 'object',
  required: ['items'],
  properties: {
    items: {
      type: 'array',
      minItems: 1,
      maxItems: 20,
      items: {
        type: 'object',
        required: ['bookId'],
        properties: {
          bookId: { type: 'string' },
          quantity: { type: 'integer', minimum: 1, maximum: 99 },
        },
      },
    },
    giftWrap: { type: 'boolean' },
    note: { type: 'string', maxLength: 200 },
    currency,
  },
} as const;

interface Search {
  query?: string;
  genre?: string;
  maxPrice?: number;
  inStock?: boolean;
  currency?: string;
}

/** Routes of the bookshop. Each asks for the token; the header `x-customer` says whose orders are meant. */
export async function bookshopRoutes(app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', async (request, reply) => {
    if (request.headers.authorization === `Bearer ${shopToken}`) return undefined;
    reply.header('www-authenticate', 'Bearer realm="bookshop"');
    return reply.code(401).send({ error: 'The bookshop needs its bearer token.' });
  });
  app.get<{ Querystring: Search }>('/books', { schema: { querystring: searchQuery } }, ({ query }) => {
    const found = catalogue.filter((book) => matches(book, query)).toSorted((a, b) => a.price - b.price);
    return { total: found.length, books: found.map((book) => priced(book, query.currency)) };
  });
  app.get<{ Params: { bookId: string }; Querystring: { currency?: string } }>(
    '/books/:bookId',
    { schema: { querystring: { type: 'object', properties: { currency } } } },
    ({ params, query }, reply) => {
      const book = books.get(params.bookId);
      if (!book) return reply.code(404).send(unknownBook(params.bookId));
      return { ...priced(book, query.currency), about: book.about };
    },
  );
  orderRoutes(app);
}

function orderRoutes(app: FastifyInstance): void {
  const orders = new Map<string, { readonly customer: string; readonly order: object }>();
  let count = 0;
  app.post<{ Body: OrderRequest }>('/orders', { schema: { body: orderBody } }, (request, reply) => {
    const { items, giftWrap = false, note, currency: chosen = 'EUR' } = request.body;
    const lines = [];
    for (const { bookId, quantity = 1 } of items) {
      const book = books.get(bookId);
      if (!book) return reply.code(404).send(unknownBook(bookId));
      if (book.stock < quantity) {
        return reply.code(409).send({ error: `Only ${book.stock} copies of ${bookId} are in stock.` });
      }
      lines.push({ bookId, title: book.title, quantity, price: priced(book, chosen).price });
    }
    const total = round(lines.reduce((sum, line) => sum + line.quantity * line.price, 0));
    const orderId = `order-${++count}`;
    const order = { orderId, items: lines, giftWrap, ...(note && { note }), total, currency: chosen };
    const [oldest] = orders.keys();
    if (orders.size >= maxOrders && oldest !== undefined) orders.delete(oldest);
    orders.set(orderId, { customer: customerOf(request.headers), order });
    return reply.code(201).send(order);
  });
  app.get<{ Params: { orderId: string } }>('/orders/:orderId', ({ params, headers }, reply) => {
    const found = orders.get(params.orderId);
    if (found?.customer === customerOf(headers)) return found.order;
    return reply.code(404).send({ error: `You have no order ${params.orderId}.` });
  });
}

function matches(book: Book, search: Search): boolean {
  const text = `${book.title} ${book.author} ${book.genre} ${book.about}`.toLowerCase();
  return (
    (search.query ?? '')
      .toLowerCase()
      .split(/\s+/)
      .every((word) => text.includes(word)) &&
    (search.genre === undefined || book.genre === search.genre) &&
    (search.maxPrice === undefined || priced(book, search.currency).price <= search.maxPrice) &&
    (!search.inStock || book.stock > 0)
  );
}

/** What the catalogue shows of a book, in the currency asked for. */
function priced(book: Book, wanted = 'EUR') {
  const { bookId, title, author, genre, price, stock } = book;
  return {
    bookId,
    title,
    author,
    genre,
    price: round(price * (rates.get(wanted) ?? 1)),
    currency: wanted,
    stock,
  };
}

function round(price: number): number {
  return Math.round(price * 100) / 100;
}

function customerOf(headers: FastifyRequest['headers']): string {
  return headers['x-customer']?.toString() ?? 'anonymous';
}

function unknownBook(bookId: string): { error: string } {
  return { error: `There is no book with the id ${bookId}. GET /books finds books.` };
}
