// Who calls: the same check for every route that is not public.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authenticate, Consumer } from '../access/consumer.ts';
import { gatewayError } from '../errors.ts';

/**
 * Registers the check for all routes of a scope. The decision hangs on the scope in which a route was registered, never
 * on the path or Host of a request (`security.md` I1). Returns the way to ask for the consumer of a request.
 */
export function authenticateHook(
  scope: FastifyInstance,
  authenticate: Authenticate,
): (request: FastifyRequest) => Consumer {
  scope.decorateRequest('consumer', null);
  // With a callback: an async hook costs each request a promise.
  scope.addHook('onRequest', (request, _reply, done) => {
    const consumer = authenticate(request.headers);
    if (consumer) request.setDecorator('consumer', consumer);
    done(consumer ? undefined : gatewayError('invalid_api_key'));
  });
  return (request) => {
    const consumer = request.getDecorator<Consumer | null>('consumer');
    // B4: fail closed. There is no default identity.
    if (!consumer) throw gatewayError('invalid_api_key');
    return consumer;
  };
}
