export * from './index.cjs';
import * as neo from './index.cjs';
export default neo;
