/** The command line as a completion sees it: places, the words and options that may come there. From commander's own tree. */
import type { Command } from 'commander'

export interface Word {
  readonly word: string
  readonly says: string
}
export interface Flag {
  /** '-f', '--file'. */
  readonly names: readonly string[]
  readonly says: string
  /** What follows: nothing, one of these, a file, or something that nobody can know. */
  readonly value: 'none' | 'file' | 'any' | readonly string[]
}
export interface Place {
  /** Commands up to here: '', 'token', 'token create'. */
  readonly at: string
  readonly words: readonly Word[]
  readonly flags: readonly Flag[]
  /** An argument that is a file. */
  readonly takesFile: boolean
}

/** All places, the program itself first. @param root the program, its commands added */
export function placesOf(root: Command): readonly Place[] {
  const visit = (command: Command, at: string): Place[] => {
    const help = command.createHelp()
    const below = help.visibleCommands(command)
    const args = command.registeredArguments
    const words = [
      ...below.map((each) => ({ word: each.name(), says: each.description() })),
      ...args.flatMap(({ argChoices = [] }) => argChoices.map((word) => ({ word, says: '' }))),
    ]
    const flags = help.visibleOptions(command).map((option) => {
      const names = [option.short, option.long].filter((name) => name !== undefined)
      const choices = option.argChoices
      const takes = option.required || option.optional
      const file = /<(file|dir|folder|path)>/.test(option.flags)
      const value = !takes ? 'none' : (choices ?? (file ? 'file' : 'any'))
      return { names, says: option.description, value } as const
    })
    const takesFile = args.some((each) => each.name() === 'file')
    return [
      { at, words, flags, takesFile },
      ...below
        .filter((each) => each.name() !== 'help')
        .flatMap((each) => visit(each, at === '' ? each.name() : `${at} ${each.name()}`)),
    ]
  }
  return visit(root, '')
}

/** The first sentence, in one line. */
export const brief = (says: string): string => says.split(/[;\n]/)[0] ?? ''

/** '/apply', '/token', 'token/create': how the scripts walk from place to place. */
export const stepsOf = (places: readonly Place[]): readonly string[] =>
  places
    .filter(({ at }) => at !== '')
    .map(({ at }) => {
      const words = at.split(' ')
      return `${words.slice(0, -1).join(' ')}/${words.at(-1)}`
    })
