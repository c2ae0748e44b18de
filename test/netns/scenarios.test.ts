import { registerScenarios } from '../scenarios/register.ts'

registerScenarios('netns')
