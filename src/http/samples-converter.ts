// The unit converter of the samples, which serves its own OpenAPI document, as an API of the web does.
import type { FastifyInstance } from 'fastify';

interface Unit {
  readonly quantity: string;
  /** Base units in one of these. */
  readonly factor: number;
  /** Base units at zero of these. */
  readonly offset?: number;
}

// Base units: metre, kilogram, litre, kelvin, metre per second. The factors are exact by definition.
const units = new Map<string, Unit>([
  ['mm', { quantity: 'length', factor: 0.001 }],
  ['cm', { quantity: 'length', factor: 0.01 }],
  ['m', { quantity: 'length', factor: 1 }],
  ['km', { quantity: 'length', factor: 1000 }],
  ['inch', { quantity: 'length', factor: 0.0254 }],
  ['foot', { quantity: 'length', factor: 0.3048 }],
  ['yard', { quantity: 'length', factor: 0.9144 }],
  ['mile', { quantity: 'length', factor: 1609.344 }],
  ['g', { quantity: 'weight', factor: 0.001 }],
  ['kg', { quantity: 'weight', factor: 1 }],
  ['tonne', { quantity: 'weight', factor: 1000 }],
  ['ounce', { quantity: 'weight', factor: 0.028349523125 }],
  ['pound', { quantity: 'weight', factor: 0.45359237 }],
  ['stone', { quantity: 'weight', factor: 6.35029318 }],
  ['ml', { quantity: 'volume', factor: 0.001 }],
  ['litre', { quantity: 'volume', factor: 1 }],
  ['cup', { quantity: 'volume', factor: 0.2365882365 }],
  ['pint', { quantity: 'volume', factor: 0.56826125 }],
  ['gallon', { quantity: 'volume', factor: 4.54609 }],
  ['us_gallon', { quantity: 'volume', factor: 3.785411784 }],
  ['kelvin', { quantity: 'temperature', factor: 1 }],
  ['celsius', { quantity: 'temperature', factor: 1, offset: 273.15 }],
  ['fahrenheit', { quantity: 'temperature', factor: 5 / 9, offset: 459.67 * (5 / 9) }],
  ['kmh', { quantity: 'speed', factor: 1 / 3.6 }],
  ['mph', { quantity: 'speed', factor: 0.44704 }],
  ['knot', { quantity: 'speed', factor: 1852 / 3600 }],
]);
const unitNames = [...units.keys()];
const quantities = [...new Set([...units.values()].map((unit) => unit.quantity))];

const convertQuery = {
  type: 'object',
  required: ['value', 'from', 'to'],
  properties: {
    value: { type: 'number' },
    from: { type: 'string', enum: unitNames },
    to: { type: 'string', enum: unitNames },
    digits: { type: 'integer', minimum: 1, maximum: 15 },
  },
} as const;
const unitsQuery = {
  type: 'object',
  properties: { quantity: { type: 'string', enum: quantities } },
} as const;

interface Conversion {
  value: number;
  from: string;
  to: string;
  digits?: number;
}

/** Routes of the converter, with its document at `/openapi.json`. */
export async function converterRoutes(app: FastifyInstance): Promise<void> {
  app.get('/openapi.json', () => converterDocument);
  app.get<{ Querystring: Conversion }>(
    '/convert',
    { schema: { querystring: convertQuery } },
    ({ query }, reply) => {
      const { value, from, to, digits = 10 } = query;
      const [source, target] = [units.get(from), units.get(to)];
      if (!source || !target || source.quantity !== target.quantity) {
        const error = `${from} is a unit of ${source?.quantity}, ${to} one of ${target?.quantity}: they do not convert.`;
        return reply.code(422).send({ error });
      }
      const base = value * source.factor + (source.offset ?? 0);
      const result = Number(((base - (target.offset ?? 0)) / target.factor).toPrecision(digits));
      return { value, from, result, to, quantity: source.quantity };
    },
  );
  app.get<{ Querystring: { quantity?: string } }>(
    '/units',
    { schema: { querystring: unitsQuery } },
    ({ query }) => ({
      units: [...units]
        .filter(([, unit]) => query.quantity === undefined || unit.quantity === query.quantity)
        .map(([unit, { quantity }]) => ({ unit, quantity })),
    }),
  );
}

const digitsParameter = {
  name: 'digits',
  in: 'query',
  description: 'Significant digits of the result. The manifest sets it (params), so no model ever sees it.',
  schema: { type: 'integer', minimum: 1, maximum: 15, default: 10 },
};

/** The document as served. Its server is relative: it holds wherever the samples' API listens. */
const converterDocument = {
  openapi: '3.1.0',
  info: { title: 'Unit converter', version: '1.0.0', description: 'Exact conversion of everyday units.' },
  servers: [{ url: '/converter' }],
  paths: {
    '/convert': {
      get: {
        operationId: 'convertUnits',
        summary: 'Convert a value',
        description: 'Converts one value from one unit to another unit of the same quantity.',
        parameters: [
          {
            name: 'value',
            in: 'query',
            required: true,
            description: 'How many of the unit "from".',
            schema: { type: 'number' },
          },
          {
            name: 'from',
            in: 'query',
            required: true,
            description:
              'The unit of the value. kmh is kilometres per hour, pint and gallon are imperial, cup is the US one.',
            schema: { type: 'string', enum: unitNames },
          },
          {
            name: 'to',
            in: 'query',
            required: true,
            description: 'The unit that is asked for.',
            schema: { type: 'string', enum: unitNames },
          },
          digitsParameter,
        ],
        responses: { 200: { description: 'The converted value as "result".', content: jsonAnswer() } },
      },
    },
    '/units': {
      get: {
        operationId: 'listUnits',
        summary: 'List the units',
        description: 'Tells which units can be converted, all of them or those of one quantity.',
        parameters: [
          {
            name: 'quantity',
            in: 'query',
            description: 'Only units of this quantity.',
            schema: { type: 'string', enum: quantities },
          },
        ],
        responses: { 200: { description: 'The units.', content: jsonAnswer() } },
      },
    },
  },
};

function jsonAnswer() {
  return { 'application/json': { schema: { type: 'object' } } };
}
