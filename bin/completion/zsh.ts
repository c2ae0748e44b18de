/** Completion for zsh. Neighbour: tree.ts. */
import { brief, type Flag, type Place, stepsOf } from './tree.ts'

export function zsh(program: string, places: readonly Place[]): string {
  const name = `_${program}`
  return `#compdef ${program}
# zsh completion of ${program}: ${program} completion zsh > "\${fpath[1]}/${name}"
${name}() {
  local at='' word prev=\${words[CURRENT-1]}
  local -a known flags
  for word in \${words[2,CURRENT-1]}; do
    case "$at/$word" in
      ${stepsOf(places)
        .map((step) => `'${step}'`)
        .join('|')}) at="\${at:+$at }$word" ;;
    esac
  done
  case "$at $prev" in
${places.flatMap(values).join('\n')}
  esac
  case "$at" in
${places.map(words).join('\n')}
  esac
}
if [ "$funcstack[1]" = ${name} ]; then ${name} "$@"; else compdef ${name} ${program}; fi
`
}

function values({ at, flags }: Place): string[] {
  return flags
    .filter(({ value }) => value !== 'none')
    .map(
      (flag) =>
        `    ${flag.names.map((name) => `'${at} ${name}'`).join('|')}) ${reply(flag)} return ;;`,
    )
}

function reply({ value }: Flag): string {
  if (value === 'file') return '_files;'
  return value === 'any' || value === 'none' ? '' : `compadd -- ${value.join(' ')};`
}

function words({ at, words: known, flags, takesFile }: Place): string {
  const rows = known.map(({ word, says }) => row(word, says)).join(' ')
  const options = flags.flatMap(({ names, says }) => names.map((each) => row(each, says))).join(' ')
  const files = takesFile ? ' _files;' : ''
  return `    '${at}') known=(${rows}) flags=(${options}); _describe -t words word known; _describe -o option flags;${files} ;;`
}

const row = (word: string, says: string): string =>
  `'${says === '' ? word : `${word}:${brief(says).replaceAll("'", "'\\''")}`}'`
