package neo

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// exported names what this package has: functions, types, TYPE.METHOD and TYPE.FIELD.
func exported(t *testing.T) map[string]bool {
	var files []*ast.File
	fileset := token.NewFileSet()
	for _, path := range got(filepath.Glob("*.go"))(t) {
		if !strings.HasSuffix(path, "_test.go") {
			file := got(parser.ParseFile(fileset, path, nil, parser.ParseComments))(t)
			files = append(files, file)
		}
	}
	pages := got(doc.NewFromFiles(fileset, files, "neo"))(t)
	names := map[string]bool{}
	for _, function := range pages.Funcs {
		names[function.Name] = true
	}
	for _, typ := range pages.Types {
		names[typ.Name] = true
		for _, function := range typ.Funcs {
			names[function.Name] = true
		}
		for _, method := range typ.Methods {
			names[typ.Name+"."+method.Name] = true
		}
		spec := typ.Decl.Specs[0].(*ast.TypeSpec)
		if structure, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range structure.Fields.List {
				for _, name := range field.Names {
					names[typ.Name+"."+name.Name] = true
				}
			}
		}
		if typ.Doc == "" {
			t.Errorf("%s is not documented", typ.Name)
		}
	}
	return names
}

func TestTheNamesOfTheParityTableExist(t *testing.T) {
	table, err := os.ReadFile("../conformance/parity.toml")
	if err != nil {
		t.Skip("the package stands alone")
	}
	names := exported(t)
	listed := regexp.MustCompile(`(?m)^go = "(.+)"$`).FindAllStringSubmatch(string(table), -1)
	if len(listed) < 50 {
		t.Errorf("the table lists %d names", len(listed))
	}
	for _, name := range listed {
		if !names[name[1]] {
			t.Errorf("%s does not exist", name[1])
		}
	}
}
