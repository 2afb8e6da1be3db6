// Faults that the codec answers by itself, since nobody else can or did: problem documents (http/problem.ts) as HTTP/1.1.
import type { Fault } from '../base/fault.ts';
import type { Exchange } from '../http/exchange.ts';
import { FieldBlock } from '../http/field.ts';
import { renderProblem } from '../http/problem.ts';
import { statusLine } from './head-text.ts';

/** A whole message that ends the connection, for what is no request. `date`: its field, begun by CRLF. */
export function problemMessage(fault: Fault, date: string): string {
  const { contentType, body } = renderProblem(fault, '-', undefined);
  return (
    `${statusLine(fault.status, '')}${date}\r\nContent-Type: ${contentType}\r\n` +
    `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
  );
}

/** Answers a request whose body cannot be read to its end. */
export function respondProblem(exchange: Exchange, fault: Fault): void {
  const { contentType, body } = renderProblem(fault, '-', exchange.head.fields.find('accept'));
  exchange.respond(fault.status, new FieldBlock([['Content-Type', contentType]]), body);
}
