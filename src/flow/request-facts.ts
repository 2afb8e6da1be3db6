// What the conditions of routes ask of a request (routing/conditions.ts). Made for requests of tables that have conditions only,
// and no part of it before it is asked for.
import type { Fields } from '../http/field.ts';
import { type Doubt, findHeader, type RequestFacts } from '../routing/conditions.ts';
import { findParameter } from '../routing/query-parameters.ts';
import { fieldsOfClient } from './client-fields.ts';
import type { Identified } from './request-context.ts';

export class FactsOfRequest implements RequestFacts {
  readonly policy: string;
  readonly entryPoint: string;
  readonly #request: Identified;
  #fields: Fields | undefined;

  constructor(request: Identified) {
    const { peer, entryPoint } = request.client;
    this.#request = request;
    // Over plain HTTP nobody came in through a policy, whatever Host says.
    this.policy = peer.secure ? peer.policy : '';
    this.entryPoint = entryPoint;
  }

  header(name: string): string | undefined | Doubt {
    this.#fields ??= fieldsOfClient(this.#request);
    return findHeader(this.#fields, name);
  }

  parameter(name: string): string | undefined | Doubt {
    return findParameter(this.#request.query, name);
  }
}
