/** Completion for fish. Neighbour: tree.ts. */
import { brief, type Place, stepsOf } from './tree.ts'

export function fish(program: string, places: readonly Place[]): string {
  const at = `__${program}_at`
  return `# fish completion of ${program}: ${program} completion fish > ~/.config/fish/completions/${program}.fish
function ${at}
    set -l at ''
    for word in (commandline -opc)[2..]
        switch "$at/$word"
            case ${stepsOf(places)
              .map((step) => `'${step}'`)
              .join(' ')}
                set at (string trim "$at $word")
        end
    end
    test "$at" = "$argv[1]"
end
complete -c ${program} -f
${places.flatMap((place) => lines(program, at, place)).join('\n')}
`
}

function lines(
  program: string,
  condition: string,
  { at, words, flags, takesFile }: Place,
): string[] {
  const begin = `complete -c ${program} -n "${condition} '${at}'"`
  return [
    ...words.map(({ word, says }) => `${begin} -a ${word}${described(says)}`),
    ...flags.map(({ names, says, value }) => {
      const parts = names.map((name) =>
        name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
      )
      return `${begin} ${parts.join(' ')}${follows(value)}${described(says)}`
    }),
    ...(takesFile ? [`${begin} -F`] : []),
  ]
}

const described = (says: string): string =>
  says === '' ? '' : ` -d '${brief(says).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function follows(value: Place['flags'][number]['value']): string {
  if (value === 'none') return ''
  if (value === 'file') return ' -r -F'
  return value === 'any' ? ' -x' : ` -x -a '${value.join(' ')}'`
}
