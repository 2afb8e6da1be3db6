// `countersign explain`: what would happen, or has happened, and why.
import { Command } from 'commander';
import { explainAccessCommand } from './explain-access.ts';
import { explainBackendCommand } from './explain-backend.ts';
import { explainHandshakeCommand } from './explain-handshake.ts';
import { explainRouteCommand } from './explain-route.ts';

export function explainCommand(): Command {
  return new Command('explain')
    .addCommand(explainAccessCommand())
    .addCommand(explainRouteCommand())
    .addCommand(explainHandshakeCommand())
    .addCommand(explainBackendCommand());
}
