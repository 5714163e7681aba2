// The vendored file is minified: the type checker takes it as it is.
declare const uPlot: any;
export default uPlot;
