package wasm

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func loadFixture(t *testing.T, r *Runtime, name string) *Module {
	t.Helper()
	code, err := os.ReadFile("testdata/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.Load(t.Context(), name, code)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSparesAreRefilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := New(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close(t.Context())
		m := loadFixture(t, r, "echo")
		if n := len(m.spares); n != 1 {
			t.Errorf("%d spares after Load, want the one that was tried", n)
		}
		m.Warm()
		synctest.Wait()
		for range 10 {
			if n := len(m.spares); n != r.limits.Spares {
				t.Errorf("%d spares, want %d", n, r.limits.Spares)
			}
			if _, err := m.Call(t.Context(), Request{Input: []byte("x")}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
	})
}

func TestCloseReportsACallThatCannotBeInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := New(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		m := loadFixture(t, r, "echo")
		m.calls.enter() // stands for a call inside a loop-free guest
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Close(ctx); err == nil {
			t.Error("Close = nil while a call runs")
		}
		m.calls.leave()
		if err := r.Close(t.Context()); err != nil {
			t.Errorf("Close = %v after the call", err)
		}
	})
}

// The compiler may fail on a module in ways that it does not foresee.
func TestCompileRecovers(t *testing.T) {
	if _, err := compileRecovered(t.Context(), nil, nil); err == nil {
		t.Error("a panic of the compiler was no error")
	}
}

func TestActivity(t *testing.T) {
	a := newActivity()
	if !a.enter() || !a.shut() || a.shut() || a.enter() {
		t.Fatal("enter, shut, shut, enter")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("wait = %v, want canceled", err)
	}
	a.leave()
	if err := a.wait(ctx); err != nil {
		t.Errorf("wait = %v once empty", err)
	}
}
