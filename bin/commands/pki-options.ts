/** The surface of `weft pki`: names, options, help. Neighbours: ../weft.ts, pki.ts (what they do, loaded when called). */
import type { Command } from 'commander'
import type { PkiSettings } from './pki.ts'
import type { Perform } from './rest-options.ts'

const DAYS = 365
const AUTHORITY_DAYS = 3650

/** Adds `pki` to the command line. @param perform runs one command to its end */
export function addPki(weft: Command, perform: Perform): void {
  const pki = weft
    .command('pki')
    .description('make the keys and certificates by which controller and hosts know each other')
    .addHelpText(
      'after',
      `
Examples:
  $ weft pki init --name weft.example.net     a CA and the controller's certificate, in ./pki
  $ weft pki host h1 h2                       a certificate each; h1 is the host's system-id
  $ weft pki show                             what there is: whose, days left, SHA-256
  $ weft pki renew host h1                    a new key and certificate; open sessions stay
  $ weft pki ovs-pki                          how to use certificates of ovs-pki instead`,
    )
  const run = (task: (pki: typeof import('./pki.ts')) => string): Promise<void> =>
    perform(async () => {
      process.stdout.write(task(await import('./pki.ts')))
      return 0
    })
  /** A command that signs, with what all of them take. */
  const signing = (parent: Command, name: string, description: string, days = DAYS): Command =>
    inFolder(parent.command(name).description(description))
      .option('--ca-key <file>', "the CA's key, when it is not DIR/private/ca.key")
      .option('--days <number>', 'how long the new certificate is valid', Number, days)

  signing(pki, 'init', "a CA, unless there is one, and the controller's certificate")
    .option('--name <name...>', 'DNS names and addresses of the controller', [])
    .action((options: PkiSettings & { name: string[] }) =>
      run(({ makeController }) => makeController(options.name, options)),
    )
  signing(pki, 'host', 'a certificate for each of these hosts')
    .argument('<system-id...>', "the host's external_ids:system-id")
    .action((systemIds: string[], options: PkiSettings) =>
      run(({ makeHosts }) => makeHosts(systemIds, options)),
    )

  const renew = pki.command('renew').description('replace a certificate by one that lasts longer')
  signing(renew, 'controller', 'a new key and certificate for the controller')
    .option('--name <name...>', 'DNS names and addresses (default: those it has)', [])
    .action((options: PkiSettings & { name: string[] }) =>
      run(({ renewController }) => renewController(options.name, options)),
    )
  signing(renew, 'host', 'a new key and certificate for each of these hosts')
    .argument('<system-id...>', "the host's external_ids:system-id")
    .action((systemIds: string[], options: PkiSettings) =>
      run(({ renewHosts }) => renewHosts(systemIds, options)),
    )
  signing(
    renew,
    'ca',
    'the same CA, same key, for longer: what it has signed stays good',
    AUTHORITY_DAYS,
  ).action((options: PkiSettings) => run(({ renewAuthority }) => renewAuthority(options)))

  signing(pki, 'rekey', 'change over to a new CA with a new key, in two steps', AUTHORITY_DAYS)
    .option('--finish', 'the second step: trust the old CA no longer', false)
    .action(({ finish, ...options }: PkiSettings & { finish: boolean }) =>
      run(({ rekey, finishRekey }) => (finish ? finishRekey(options) : rekey(options))),
    )

  inFolder(pki.command('show'))
    .description('a table of certificates: subject, identity, days left, SHA-256')
    .argument('[file...]', 'of these PEM files (default: of the folder)')
    .action((files: string[], { dir }: { dir: string }) => run(({ show }) => show(files, dir)))
  pki
    .command('fingerprint')
    .description('the SHA-256 of a certificate, as a host object takes it')
    .argument('<file>', 'a certificate in PEM')
    .action((file: string) => run(({ showFingerprint }) => showFingerprint(file)))
  pki
    .command('ovs-pki')
    .description('print how to use certificates made by ovs-pki')
    .action(() => run(({ ovsPki }) => ovsPki))
}

function inFolder(command: Command): Command {
  return command.option('--dir <folder>', 'where keys and certificates are', 'pki')
}
