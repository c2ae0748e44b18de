/** `weft unit`: the systemd unit of a service, with the path of this very program in it. Neighbour: ../systemd/. */
import { readFileSync, realpathSync } from 'node:fs'
import { argv, execPath } from 'node:process'
import { Argument, type Command } from 'commander'
import type { Perform } from './rest-options.ts'

const services = ['serve', 'agent'] as const

/** Adds `unit` to the command line. */
export function addUnit(weft: Command, perform: Perform): void {
  weft
    .command('unit')
    .description('print the systemd unit of a service')
    .addArgument(new Argument('<service>', 'which').choices(services))
    .addHelpText(
      'after',
      `
Examples:
  # useradd --system --home-dir /var/lib/weft --shell /usr/sbin/nologin weft
  # weft serve --print-config > /etc/weft/serve.yaml
  # weft unit serve > /etc/systemd/system/weft-serve.service
  # systemctl daemon-reload && systemctl enable --now weft-serve
  # weft unit agent > /etc/systemd/system/weft-agent.service`,
    )
    .action((service: (typeof services)[number]) =>
      perform(async () => {
        const unit = new URL(`../systemd/weft-${service}.service`, import.meta.url)
        const command = [execPath, realpathSync(argv[1] ?? '')].map(quoted).join(' ')
        process.stdout.write(readFileSync(unit, 'utf8').replace('@weft@', () => command))
        return 0
      }),
    )
}

/** As a command line of a unit takes it: systemd.service(5), "Command lines". */
const quoted = (path: string): string => {
  const text = path.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[\w./@%$+-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}
