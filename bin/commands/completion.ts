/** `weft completion`: what a shell needs to complete command lines, made from the commands themselves. Neighbours: ../completion/. */
import { Argument, type Command } from 'commander'
import type { Perform } from './rest-options.ts'

const shells = ['bash', 'zsh', 'fish'] as const

/** Adds `completion` to the command line. @param weft with all other commands, once it is called */
export function addCompletion(weft: Command, perform: Perform): void {
  weft
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'which').choices(shells))
    .addHelpText(
      'after',
      `
Examples:
  $ source <(weft completion bash)
  $ weft completion zsh > "\${fpath[1]}/_weft"
  $ weft completion fish > ~/.config/fish/completions/weft.fish`,
    )
    .action((shell: (typeof shells)[number]) =>
      perform(async () => {
        const { placesOf } = await import('../completion/tree.ts')
        const scripts = {
          bash: async () => (await import('../completion/bash.ts')).bash,
          zsh: async () => (await import('../completion/zsh.ts')).zsh,
          fish: async () => (await import('../completion/fish.ts')).fish,
        }
        const script = await scripts[shell]()
        process.stdout.write(script(weft.name(), placesOf(weft)))
        return 0
      }),
    )
}
