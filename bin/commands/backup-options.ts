/** The surface of `weft backup` and `weft restore`. Neighbours: ../weft.ts, backup.ts (what they do, loaded when called). */
import type { Command } from 'commander'
import type { BackupArguments, RestoreArguments } from './backup.ts'
import { type Perform, restHelp, withController } from './rest-options.ts'

/** Adds both commands. @param perform runs one command to its end */
export function addBackup(weft: Command, perform: Perform): void {
  withController(
    weft
      .command('backup')
      .description('copy the store of a running controller, verified, into a file')
      .argument('<file>', 'where to; one that is there is replaced when the copy is whole'),
  )
    .addHelpText(
      'after',
      restHelp(['weft backup /var/backups/site.db        while the controller runs']),
    )
    .action((file: string, options: Omit<BackupArguments, 'file' | 'signal'>) =>
      perform(async (signal) => {
        const { backup } = await import('./backup.ts')
        return backup({ ...options, file, signal })
      }),
    )

  weft
    .command('restore')
    .description('put a backup in the place of a store, while no controller runs on it')
    .argument('<file>', 'the backup; it is only read')
    .option('--store <file>', 'the store', 'weft.db')
    .option('--force', 'replace the store that is there; it is kept aside', false)
    .addHelpText(
      'after',
      `
Examples:
  $ weft restore /var/backups/site.db --store site.db
  $ weft restore /var/backups/site.db --store site.db --force`,
    )
    .action((file: string, options: Omit<RestoreArguments, 'file'>) =>
      perform(async () => {
        const { restoreStore } = await import('./backup.ts')
        return restoreStore({ ...options, file })
      }),
    )
}
